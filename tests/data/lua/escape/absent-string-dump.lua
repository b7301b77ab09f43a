-- expect: error: attempt to call a nil value (field 'dump')
host.escaped(string.dump(function() end))
