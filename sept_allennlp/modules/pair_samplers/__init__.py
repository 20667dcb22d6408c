from sept_allennlp.modules.pair_samplers.all_pairs import AllPairs
from sept_allennlp.modules.pair_samplers.pair_sampler import PairSampler
from sept_allennlp.modules.pair_samplers.random_negatives import RandomNegativePairs

__all__ = ["AllPairs", "PairSampler", "RandomNegativePairs"]
