// The choice of experts, a warp per token: lane l has experts l, l + 32, ...
// Scalar equivalent: gate[e] = softmax or sigmoid of the logits; the `used` experts of greatest gate[e] + bias[e], ties to the lower one;
// their gates, divided by the sum of the chosen ones if wanted, times the scale.
#include "geometry.cuh"
#include "ptx.cuh"
#include "activations.cuh"
#include "float_order.cuh"
#include "reductions.cuh"

// Of an expert that is taken.
constexpr int Taken = BelowAll;

// A lane's gates of a token.
template <bool Softmax, int Held>
__device__ __forceinline__ void gates_of(const RouteGeometry& g, const float* logits, float (&gates)[Held], int lane)
{
    float most = negative_infinity(), total = 0;
#pragma unroll
    for (int i = 0; i < Held; i++)
    {
        const int e = lane + 32 * i;
        gates[i] = e < g.experts ? logits[e] : negative_infinity();
        most = fmaxf(most, gates[i]);
    }
    if (Softmax)
        most = warp_max(most);
#pragma unroll
    for (int i = 0; i < Held; i++)
    {
        gates[i] = Softmax ? expf(gates[i] - most) : sigmoid_of(gates[i]);
        total += lane + 32 * i < g.experts ? gates[i] : 0.0f;
    }
    if (Softmax)
    {
        total = warp_sum(total);
#pragma unroll
        for (int i = 0; i < Held; i++)
            gates[i] /= total;
    }
}

// The expert of the highest order that is not taken; it is taken then, and its gate goes to all lanes.
template <int Held>
__device__ __forceinline__ int choose(const float (&gates)[Held], int (&orders)[Held], float& gate, int lane)
{
    int best = Taken, expert = 0x7FFFFFFF;
    float own = 0;
#pragma unroll
    for (int i = 0; i < Held; i++)
    {
        if (orders[i] > best)
        {
            best = orders[i];
            expert = lane + 32 * i;
            own = gates[i];
        }
    }

    const int highest = __reduce_max_sync(0xFFFFFFFFu, best);
    const int chosen = __reduce_min_sync(0xFFFFFFFFu, best == highest ? expert : 0x7FFFFFFF);
    gate = __shfl_sync(0xFFFFFFFFu, own, chosen & 31);
#pragma unroll
    for (int i = 0; i < Held; i++)
        orders[i] = lane + 32 * i == chosen ? Taken : orders[i];
    return chosen;
}

// Held: experts of a lane.
template <bool Softmax, int Held>
__device__ __forceinline__ void route(const RouteGeometry& g, int token, int lane)
{
    float gates[Held];
    int orders[Held];
    gates_of<Softmax>(g, g.logits + (long long)token * g.experts, gates, lane);
#pragma unroll
    for (int i = 0; i < Held; i++)
    {
        const int e = lane + 32 * i;
        orders[i] = e < g.experts ? order_of(g.bias != nullptr ? gates[i] + g.bias[e] : gates[i]) : Taken;
    }

    int* ids = g.ids + (long long)token * g.used;
    float* weights = g.weights + (long long)token * g.used;
    float sum = 0, own = 0;
    int id = 0;
    // Lane l keeps what is chosen for slots l, l + 32, ...
    for (int slot = 0; slot < g.used; slot++)
    {
        float gate;
        const int expert = choose(gates, orders, gate, lane);
        sum += gate;
        id = lane == slot % 32 ? expert : id;
        own = lane == slot % 32 ? gate : own;
        if (slot % 32 == 31 && slot + 1 < g.used)
        {
            ids[slot - 31 + lane] = id;
            weights[slot - 31 + lane] = own;
        }
    }

    const float factor = g.scale / (g.normalize ? sum : 1.0f);
    const int last = (g.used - 1) / 32 * 32 + lane;
    for (int slot = lane; slot < last; slot += 32)
        weights[slot] *= factor;
    if (last < g.used)
    {
        ids[last] = id;
        weights[last] = own * factor;
    }
}

template <bool Softmax>
__device__ __forceinline__ void route(const RouteGeometry& g)
{
    const int lane = threadIdx.x % 32, token = blockIdx.x * g.perBlock + threadIdx.x / 32;
    if (token >= g.tokens)
        return;
    if (g.experts <= 128)
        route<Softmax, 4>(g, token, lane);
    else
        route<Softmax, MOST_EXPERTS / 32>(g, token, lane);
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
