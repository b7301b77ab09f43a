-- expect: error: a thread cannot be passed on
host.echo(coroutine.create(print))
