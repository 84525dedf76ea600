"""Images of Raspberry Pi OS: read, checked, and made to set one device up at its first boot.

Nothing is mounted and no loop device is needed: the FAT partition is edited by mtools, the ext4
partition is only read, by e2fsprogs.
"""

from firmware_config.image.prepare import prepare_image, system_of
from firmware_config.image.system import ImageSystem

__all__ = ["ImageSystem", "prepare_image", "system_of"]
