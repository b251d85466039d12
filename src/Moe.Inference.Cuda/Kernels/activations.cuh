// The functions of feed-forward networks.
#pragma once

// 1 / (1 + exp(-x)); exp's overflow makes it 0.
__device__ __forceinline__ float sigmoid_of(float x)
{
    return 1.0f / (1.0f + expf(-x));
}

// x * sigmoid(x)
__device__ __forceinline__ float silu_of(float x)
{
    return x * sigmoid_of(x);
}
