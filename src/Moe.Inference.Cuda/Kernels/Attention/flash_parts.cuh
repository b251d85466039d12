// How a token's context is cut into parts that are summed side by side: by its length alone.
#pragma once
#include "ptx.cuh"

// Whole up to 256 keys; up to 64 parts of at least 64 keys.
__device__ __forceinline__ int part_length(int length)
{
    if (length <= WHOLE_LENGTH)
        return WHOLE_LENGTH;
    int rounded = 1 << (32 - __clz(length - 1));
    return max(SMALLEST_PART, rounded / MOST_PARTS);
}

__device__ __forceinline__ int part_count(int length)
{
    int part = part_length(length);
    return (length + part - 1) / part;
}

// Parts wait in scratch memory: [row][part] the greatest score and the total, and the sums.
template <class Geometry>
__device__ __forceinline__ void write_part(const Geometry& g, long long row, int part, int column, float sum, float most, float total)
{
    long long index = row * g.parts + part;
    g.partSums[index * g.valueWidth + column] = sum;
    if (column == 0)
    {
        g.partFigures[2 * index] = most;
        g.partFigures[2 * index + 1] = total;
    }
}
