"""Runs TFLite models: the runtime, and the processor that it is fastest on."""
