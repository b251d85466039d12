// Rotates pairs of elements of each head: (a, b) becomes (a cos - b sin, b cos + a sin). What a table does not cover passes unchanged.
#include "geometry.cuh"

// A thread has one pair (first, second) of one head, or, behind the pairs, one unchanged element.
template <bool Halves>
__device__ __forceinline__ void rotate(const RopeGeometry& g)
{
    long long item = (long long)blockIdx.x * g.perBlock + threadIdx.x;
    if (item >= g.items)
        return;
    int perHead = g.headWidth - g.pairs;
    long long head = item / perHead;
    int i = (int)(item % perHead);
    const float* x = g.source + head * g.headWidth;
    float* y = g.result + head * g.headWidth;
    if (i >= g.pairs)
    {
        y[i + g.pairs] = x[i + g.pairs];
        return;
    }

    const float* table = g.table + head / g.heads * 2 * g.pairs;
    float cosine = table[i], sine = table[g.pairs + i];
    int first = Halves ? i : 2 * i, second = Halves ? i + g.pairs : 2 * i + 1;
    float a = x[first], b = x[second];
    y[first] = a * cosine - b * sine;
    y[second] = b * cosine + a * sine;
}

extern "C" __global__ void rope_halves(const RopeGeometry g)
{
    rotate<true>(g);
}

extern "C" __global__ void rope_pairs(const RopeGeometry g)
{
    rotate<false>(g);
}
