// Rotates pairs of elements of each head: (a, b) becomes (a cos - b sin, b cos + a sin). What a table does not cover passes unchanged.
#include "geometry.cuh"
#include "ptx.cuh"

// A thread has one pair (first, second) of one head, or, behind the pairs, one unchanged element.
template <bool Halves>
__device__ __forceinline__ void rotate(const RopeGeometry& g)
{
    int item = blockIdx.y * g.perBlock + threadIdx.x;
    if (item >= g.items)
        return;
    int perHead = g.headWidth - g.pairs, heads = g.items / perHead, head = item / perHead, i = item % perHead;
    long long token = blockIdx.x, place = (token * heads + head) * g.headWidth;
    const float* x = g.source + place;
    float* y = g.result + place;
    if (i >= g.pairs)
    {
        y[i + g.pairs] = x[i + g.pairs];
        return;
    }

    const float* table = g.table + token * 2 * g.pairs;
    float cosine = table[i], sine = table[g.pairs + i];
    int first = Halves ? i : 2 * i, second = Halves ? i + g.pairs : 2 * i + 1;
    float a = x[first], b = x[second];
    y[first] = a * cosine - b * sine;
    y[second] = b * cosine + a * sine;
}

extern "C" __global__ void rope_halves(const RopeGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    rotate<true>(g);
}

extern "C" __global__ void rope_pairs(const RopeGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    rotate<false>(g);
}
