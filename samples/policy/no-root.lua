-- SPDX-License-Identifier: Apache-2.0
-- The user of a configuration is a name or a number, with or without a group: "", "root", "0", "root:wheel", "0:0" are root.
local function is_root(user)
  local name = (user or ""):match("^[^:]*")
  return name == "" or name == "root" or tonumber(name) == 0
end

function accept(image)
  for _, one in ipairs(image.images) do
    if is_root((one.config.config or {}).User) then
      return false, "runs as root on " .. one.platform
    end
  end
  return true
end
