local json = require("json")
assert(json == require("json") and require("lunajson").encode)
local function same(text, want) local got = json.encode(json.decode(text)) assert(got == (want or text), got) end
same('{"a":1,"b":[1,2,{"c":null}]}', '{"a":1,"b":[1,2,{}]}')
same('[]') same('{}') same('[[],{}]') same('""') same('true') same('-12') same('1.5') same('"\\u0000"')
same(' [ 1 , 2 ]\n', '[1,2]')
same('"\\u00e9\\ud83d\\ude00\\n\\/"', '"é😀\\n/"')
same('12345678901234567890', '1.2345678901234567e+19')
same('9223372036854775807') same('1e2', '100') same('0.1') same('-0', '0')
assert(math.type(json.decode("5")) == "integer" and math.type(json.decode("5.0")) == "float")
assert(json.encode(10 / 2) == "5" and json.encode({ n = 1.5, a = "x", [3] = true }) == '{"3":true,"a":"x","n":1.5}')
assert(json.encode({}) == "{}" and json.encode(json.array {}) == "[]" and json.encode(json.array()) == "[]" and json.encode(json.object()) == "{}")
assert(json.encode({ 1, 2, 3 }) == "[1,2,3]" and json.encode({ [0] = 0 }) == "[]" and json.encode({ [0] = 2, 1 }) == "[1,null]")
assert(json.encode({ a = json.null }) == '{"a":null}' and json.encode(nil) == "null")
local null = {}
assert(json.decode('[null]', 1, null)[1] == null and json.encode({ null }, null) == "[null]")
assert(json.decode('[1,null]', nil, nil, true)[0] == 2)
local value, at = json.decode('xx {"a":1} rest', 3)
assert(value.a == 1 and at == 11, at)
assert(json.decode('{"a":1,"a":2}').a == 2)
for _, bad in ipairs { "", " ", "{", "[", "[1", "[1,]", "[,1]", "{a:1}", '{"a"}', '{"a":}', '{"a":1,}', "nul", "tru", "01", "1.", ".5", "1e", "+1", "-",
  '"', '"\\x"', '"\\u12"', '"\\ud800"', '"\\udc00"', '"\\ud800\\u0041"', '"\n"', "1 2", "[] []", "NaN", "'a'", ("9"):rep(500) } do
  local ok, why = pcall(json.decode, bad)
  assert(not ok and why:find("JSON, byte %d+: "), bad)
end
for _, bad in ipairs { print, 0 / 0, math.huge, "\xff", { [1.5] = 1 }, { [true] = 1 }, { ["\xff"] = 1 }, { [1] = 1, ["1"] = 2, x = 1 }, coroutine.create(print) } do
  assert(not pcall(json.encode, bad), tostring(bad))
end
assert(not pcall(json.decode) and not pcall(json.encode) and not pcall(json.decode, "1", 5) and not pcall(json.decode, "1", 0))
-- the same table is the same text
local a, b = {}, {}
for i = 1, 50 do a["k" .. i] = i b["k" .. 51 - i] = 51 - i end
assert(json.encode(a) == json.encode(b))
local deep = "1"
for _ = 1, 100 do deep = "[" .. deep .. "]" end
same(deep)
assert(not pcall(json.decode, "[" .. deep .. "]"))
