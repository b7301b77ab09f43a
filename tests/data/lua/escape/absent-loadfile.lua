-- expect: error: attempt to call a nil value (global 'loadfile')
host.escaped(loadfile("/etc/passwd"))
