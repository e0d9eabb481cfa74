"""Floor 1: the kernel: one function per system call, with the kernel's name, bound once.

Zone: calm and lonely; nothing here keeps state, everything raises `OSError` with errno and operand.
Only this package imports ctypes.
"""
