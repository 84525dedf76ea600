"""Commands that come over MQTT: which there are, who may be obeyed, and what is answered."""
