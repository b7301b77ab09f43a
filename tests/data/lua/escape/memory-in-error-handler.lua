-- expect: error: |memory
xpcall(error, function() local s = "x" while true do s = s .. s end end)
error("behind it")
