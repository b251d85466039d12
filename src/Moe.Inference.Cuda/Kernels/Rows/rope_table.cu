// Cosines and sines of position * base^(-2i / width) / divisor[i] * scale. A thread per pair of a token.
#include "geometry.cuh"
#include "ptx.cuh"

// The power is float64's, rounded; what follows is float32, as the models were trained and as their reference computes it.
extern "C" __global__ void rope_table(const RopeTableGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    long long item = (long long)blockIdx.x * g.perBlock + threadIdx.x;
    if (item >= g.items)
        return;
    long long token = item / g.pairs;
    int pair = (int)(item % g.pairs);
    float exponent = 2.0f * pair / (2 * g.pairs);
    float frequency = 1.0f / (float)pow((double)g.base, (double)exponent);
    if (g.divisors != nullptr)
        frequency = frequency / g.divisors[pair];
    float sine, cosine;
    sincosf((float)g.positions[token] * (g.scale * frequency), &sine, &cosine);
    float* row = g.table + token * 2 * g.pairs;
    row[pair] = cosine;
    row[g.pairs + pair] = sine;
}
