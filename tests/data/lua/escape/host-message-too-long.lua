-- expect: error: bytes of JSON
host.echo(("x"):rep(17 * 1024 * 1024))
