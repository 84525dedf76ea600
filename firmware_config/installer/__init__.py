"""Runs on the device, as the payload's install.py: standard library only, Python 3.10 and later.

Whatever is cut off, by a kill or a power cut, is completed when it is called again. So every step
looks at what is there and not at what it remembers, and each file, folder or link is whole or not
there at all.
"""
