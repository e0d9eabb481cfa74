"""bpf(2): load a cgroup device program and attach it to a directory of cgroup v2."""

import ctypes

from sampan.linux import libc

_BPF_PROG_LOAD = 5
_BPF_PROG_ATTACH = 8
_BPF_PROG_TYPE_CGROUP_DEVICE = 15  # Linux 4.15
_BPF_CGROUP_DEVICE = 6
_BPF_F_ALLOW_MULTI = 2
_INSTRUCTION = 8  # sizeof(struct bpf_insn)


class ProgLoad(ctypes.Structure):
    """union bpf_attr for BPF_PROG_LOAD, up to prog_flags."""

    _fields_ = [
        ("prog_type", ctypes.c_uint32),
        ("insn_cnt", ctypes.c_uint32),
        ("insns", ctypes.c_uint64),
        ("license", ctypes.c_uint64),
        ("log_level", ctypes.c_uint32),
        ("log_size", ctypes.c_uint32),
        ("log_buf", ctypes.c_uint64),
        ("kern_version", ctypes.c_uint32),
        ("prog_flags", ctypes.c_uint32),
    ]


class ProgAttach(ctypes.Structure):
    """union bpf_attr for BPF_PROG_ATTACH."""

    _fields_ = [
        (name, ctypes.c_uint32) for name in ("target_fd", "attach_bpf_fd", "attach_type", "attach_flags")
    ]


_bpf = libc.raw("bpf", ctypes.c_int, ctypes.c_void_p, ctypes.c_uint)


def load_device_program(instructions: bytes) -> int:
    """A descriptor of the program (close-on-exec by the kernel). `instructions`: struct bpf_insn[]."""
    code = ctypes.create_string_buffer(instructions, len(instructions))
    licence = ctypes.create_string_buffer(b"Apache")
    attributes = ProgLoad(
        prog_type=_BPF_PROG_TYPE_CGROUP_DEVICE,
        insn_cnt=len(instructions) // _INSTRUCTION,
        insns=ctypes.addressof(code),
        license=ctypes.addressof(licence),
    )
    return libc.check(_bpf(_BPF_PROG_LOAD, ctypes.byref(attributes), ctypes.sizeof(attributes)), "bpf")


def attach_device_program(cgroup: int, program: int) -> None:
    """On the cgroup that the directory descriptor stands for; it stays when both are closed."""
    attributes = ProgAttach(cgroup, program, _BPF_CGROUP_DEVICE, _BPF_F_ALLOW_MULTI)
    libc.check(_bpf(_BPF_PROG_ATTACH, ctypes.byref(attributes), ctypes.sizeof(attributes)), "bpf")
