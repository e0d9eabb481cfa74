"""What the tests of the whole product share: a daemon of their own, its clients, and the leak audit."""
