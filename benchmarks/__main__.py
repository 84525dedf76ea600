"""All benchmarks, one after the other."""

from benchmarks import chain, classifiers, detection, device, features, feed, forms, gate

for benchmark in (detection, gate, chain, classifiers, forms, device, feed, features):
    benchmark.main(standalone_mode=False)
