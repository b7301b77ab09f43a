-- expect: ok
for _, name in ipairs { "exit", "remove", "rename", "tmpname", "setlocale", "execute" } do
  if os[name] ~= nil then host.escaped(name) end
end
