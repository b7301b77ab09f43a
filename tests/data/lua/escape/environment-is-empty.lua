-- expect: ok
for _, name in ipairs { "HOME", "PATH", "USER", "RF_TEST_SECRET", "LD_PRELOAD" } do
  if os.getenv(name) ~= nil then host.escaped(name) end
end
