"""All benchmarks, one after the other."""

from benchmarks import chain, classifiers, detection, device, feed

for benchmark in (detection, chain, classifiers, device, feed):
    benchmark.main(standalone_mode=False)
