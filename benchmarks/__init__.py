"""What MaskGate is measured by; run one with `python -m benchmarks.detection`."""
