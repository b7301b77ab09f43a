-- expect: error: a function cannot be passed on
host.echo(print)
