"""The device: finds faces, tells who wears a mask, and publishes alerts.

Imports nothing from the other rooms, and no TensorFlow.
"""

__version__ = "0.1.0"
