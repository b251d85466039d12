// The choice of experts, a warp per token: lane l has experts l, l + 32, ...
// Scalar equivalent: gate[e] = softmax or sigmoid of the logits; the `used` experts of greatest gate[e] + bias[e], ties to the lower one;
// their gates, divided by the sum of the chosen ones if wanted, times the scale.
#include "geometry.cuh"
#include "ptx.cuh"
#include "activations.cuh"
#include "reductions.cuh"

// Integers in the order of the floats; NaN comes last, but before an expert that is taken.
constexpr int Taken = -0x7FFFFFFF - 1;

__device__ __forceinline__ int order_of(float rank)
{
    if (rank != rank)
        return Taken + 1;
    int bits = __float_as_int(rank + 0.0f); // -0 counts as 0
    return bits >= 0 ? bits : bits ^ 0x7FFFFFFF;
}

template <bool Softmax>
__device__ __forceinline__ void gates_of(const RouteGeometry& g, const float* logits, float* gates, int lane)
{
    float most = negative_infinity(), total = 0;
    if (Softmax)
    {
        for (int e = lane; e < g.experts; e += 32)
            most = fmaxf(most, logits[e]);
        most = warp_max(most);
    }

    for (int e = lane; e < g.experts; e += 32)
        total += gates[e] = Softmax ? expf(logits[e] - most) : sigmoid_of(logits[e]);
    if (Softmax)
    {
        total = warp_sum(total);
        for (int e = lane; e < g.experts; e += 32)
            gates[e] /= total;
    }
}

// The expert of the highest order that is not taken; it is taken then.
__device__ __forceinline__ int choose(int* orders, int experts, int lane)
{
    int best = Taken, expert = 0x7FFFFFFF;
    for (int e = lane; e < experts; e += 32)
    {
        if (orders[e] > best)
        {
            best = orders[e];
            expert = e;
        }
    }

    int highest = __reduce_max_sync(0xFFFFFFFFu, best);
    int chosen = __reduce_min_sync(0xFFFFFFFFu, best == highest ? expert : 0x7FFFFFFF);
    if (chosen == expert)
        orders[chosen] = Taken;
    return chosen;
}

template <bool Softmax>
__device__ __forceinline__ void route(const RouteGeometry& g)
{
    int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    int token = blockIdx.x * g.perBlock + warp;
    if (token >= g.tokens)
        return;
    float* gates = (float*)dynamic_shared() + 2 * warp * g.experts;
    int* orders = (int*)(gates + g.experts);
    gates_of<Softmax>(g, g.logits + (long long)token * g.experts, gates, lane);
    for (int e = lane; e < g.experts; e += 32)
        orders[e] = order_of(g.bias != nullptr ? gates[e] + g.bias[e] : gates[e]);
    __syncwarp();

    int* ids = g.ids + (long long)token * g.used;
    float* weights = g.weights + (long long)token * g.used;
    float sum = 0;
    for (int slot = 0; slot < g.used; slot++)
    {
        int expert = choose(orders, g.experts, lane);
        sum += gates[expert];
        if (lane == 0)
            ids[slot] = expert;
    }

    __syncwarp();
    float factor = g.scale / (g.normalize ? sum : 1.0f);
    for (int slot = lane; slot < g.used; slot += 32)
        weights[slot] = gates[ids[slot]] * factor;
}

extern "C" __global__ void route_softmax(const RouteGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    route<true>(g);
}

extern "C" __global__ void route_sigmoid(const RouteGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    route<false>(g);
}
