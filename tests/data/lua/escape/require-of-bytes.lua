-- expect: ok
-- Bytes that are no text travel in another spelling; the script lives on, whatever the name is.
for _, name in ipairs({ "\xff", "a\0b", "\xff/../../etc/passwd", "\27[31m", string.rep("\xfe", 100000) }) do
  local ok, problem = pcall(require, name)
  if ok then host.escaped("a module of a name that is none") end
  assert(problem:find("not the name of a module", 1, true), problem)
end
