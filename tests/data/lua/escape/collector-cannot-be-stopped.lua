-- expect: error: bad argument #1 to 'collectgarbage'
collectgarbage("stop")
