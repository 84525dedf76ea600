"""The main job: frames from all cameras, alerts to a broker.

`job.py` is the command. `running.py` is what others work with: a running watch that they observe,
pause and give other settings.
"""
