local semver = require("semver")
local v = semver("1.2.3-rc.1+build.5")
assert(v.major == 1 and v.minor == 2 and v.patch == 3 and v.prerelease == "rc.1" and v.build == "build.5")
assert(tostring(v) == "1.2.3-rc.1+build.5" and tostring(semver(1)) == "1.0.0" and tostring(semver(1, 2, 3, "a", "b")) == "1.2.3-a+b")
assert(tostring(semver("1.2")) == "1.2.0" and tostring(semver("v1.2.3")) == "1.2.3")
-- the order of semver.org
local order = { "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.1.0", "2.0.0", "10.0.0" }
for i = 1, #order do
  for j = 1, #order do
    local a, b = semver(order[i]), semver(order[j])
    assert((a < b) == (i < j) and (a <= b) == (i <= j) and (a == b) == (i == j) and (a > b) == (i > j), order[i] .. " " .. order[j])
  end
end
assert(semver("1.0.0+a") == semver("1.0.0+b"))
assert(semver("1.0.0-100000000000000000000") > semver("1.0.0-99999999999999999999"))
table.sort(order, function(a, b) return semver(a) > semver(b) end)
assert(order[1] == "10.0.0" and order[#order] == "1.0.0-alpha")
assert(tostring(v:nextMajor()) == "2.0.0" and tostring(v:nextMinor()) == "1.3.0" and tostring(v:nextPatch()) == "1.2.3" and tostring(semver("1.2.3"):nextPatch()) == "1.2.4")
assert(semver("1.2.3") ^ semver("1.3.0") and semver("1.2.3") ^ semver("1.2.3") and not (semver("1.2.3") ^ semver("2.0.0")) and not (semver("1.3.0") ^ semver("1.2.9")))
assert(not (semver("0.1.0") ^ semver("0.1.1")) and semver("0.1.0") ^ semver("0.1.0"))
assert(semver.valid("1.2.3") and semver.valid("v1") and not semver.valid("latest") and not semver.valid("1.2.3.4"))
assert(semver.match(">=1.2 <2", "1.9.9") and not semver.match(">=1.2 <2", "2.0.0") and semver.match("^1.2", semver("1.5.0")) and not semver.match("^1", "latest"))
for _, bad in ipairs { "", "latest", "1..2", "a.b.c", "1.2.3-", "1.2.3-a..b", "-1.0.0" } do
  local ok = pcall(semver, bad)
  assert(not ok or bad == "1.2.3-", bad)
end
assert(not pcall(semver) and not pcall(semver, {}) and not pcall(semver, -1) and not pcall(semver.match, ">>1", "1.0.0"))
assert(not pcall(function() return semver("1.0.0") < { major = 1 } end))
