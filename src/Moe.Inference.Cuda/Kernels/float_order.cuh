// Floats as integers in the same order, with -0 equal to 0 and NaN below all, but above what is less than every float.
#pragma once

constexpr int BelowAll = -0x7FFFFFFF - 1;

__device__ __forceinline__ int order_of(float x)
{
    if (x != x)
        return BelowAll + 1;
    const int bits = __float_as_int(x + 0.0f);
    return bits >= 0 ? bits : bits ^ 0x7FFFFFFF;
}
