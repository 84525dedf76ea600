"""Where frames come from: one file per kind of source."""

import os

import cv2

# OpenCV and FFmpeg write complaints of their own to standard error, some with the whole URL of a
# camera, password included. What an operator must know is in our errors. Who wants to see them
# sets the variables that both libraries know.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
if "OPENCV_LOG_LEVEL" not in os.environ:
    if hasattr(cv2, "setLogLevel"):  # where OpenCV 4.10 has it
        cv2.setLogLevel(0)
    else:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
