-- expect: ok
if package.searchers or package.loaders or package.searchpath then host.escaped("searchers") end
for name in pairs(package.loaded) do
  if name == "io" or name == "debug" or name == "package" then host.escaped(name) end
end
