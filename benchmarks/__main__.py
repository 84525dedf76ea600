"""All benchmarks, one after the other."""

from benchmarks import chain, detection, device

for benchmark in (detection, chain, device):
    benchmark.main(standalone_mode=False)
