"""Words of mount(8) → attributes, propagation, and what is left for the filesystem."""

from sampan.linux import mount
from sampan.runtime.mount_options import Attributes, parse


def test_the_words_of_proc() -> None:
    options = parse(["nosuid", "noexec", "nodev"])
    wanted = mount.MOUNT_ATTR_NOSUID | mount.MOUNT_ATTR_NOEXEC | mount.MOUNT_ATTR_NODEV
    assert options.attributes.set == wanted
    assert not options.bind
    assert options.data == ()


def test_what_is_no_flag_is_the_filesystems() -> None:
    assert parse(["nosuid", "mode=755", "size=65536k"]).data == ("mode=755", "size=65536k")


def test_the_last_word_wins() -> None:
    assert parse(["ro", "rw"]).attributes == Attributes(0, mount.MOUNT_ATTR_RDONLY)
    assert parse(["rw", "ro"]).attributes == Attributes(mount.MOUNT_ATTR_RDONLY, 0)


def test_a_time_is_replaced_whole() -> None:
    # mount_setattr(2): EINVAL unless all bits of MOUNT_ATTR__ATIME are cleared when one is set.
    options = parse(["relatime", "noatime"])
    assert options.attributes == Attributes(mount.MOUNT_ATTR_NOATIME, mount.MOUNT_ATTR__ATIME)


def test_recursive_words_go_below() -> None:
    options = parse(["rbind", "rro", "rslave"])
    assert (options.bind, options.recursive) == (True, True)
    assert options.below == Attributes(mount.MOUNT_ATTR_RDONLY, 0)
    assert options.attributes == Attributes(0, 0)
    assert (options.propagation, options.propagation_recursive) == (mount.MS_SLAVE, True)
