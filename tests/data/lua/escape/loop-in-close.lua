-- expect: timeout
do
  local x <close> = setmetatable({}, { __close = function() while true do pcall(error) end end })
  error("first")
end
