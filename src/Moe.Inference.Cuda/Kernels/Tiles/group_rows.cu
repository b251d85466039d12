// Rows (one chosen expert of one token, numbered token * used + slot) sorted by their expert, keeping their order, and the work that
// grouped products do: pieces of at most 64 rows of one expert. A block of eight warps counts and places the rows of one expert; a warp
// looks at every eighth stretch of the ids, so that no order of execution shows in the result.
#include "geometry.cuh"
#include "ptx.cuh"

constexpr int Warps = 8, Unroll = 8, PieceRows = 64;

// Calls found(row, rank among this lane's warp's matches) for each row of the warp's stretch that goes to the expert; returns their number.
template <class Found>
__device__ __forceinline__ int scan_rows(const GroupRowsGeometry& g, Found found)
{
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, expert = g.firstExpert + blockIdx.x;
    const int stretch = (g.rows + Warps - 1) / Warps, begin = warp * stretch, end = min(begin + stretch, g.rows);
    int count = 0;
    for (int first = begin; first < end; first += 32 * Unroll)
    {
        int ids[Unroll];
#pragma unroll
        for (int i = 0; i < Unroll; i++)
        {
            const int row = first + i * 32 + lane;
            ids[i] = row < end ? g.ids[row] : -1;
        }
#pragma unroll
        for (int i = 0; i < Unroll; i++)
        {
            const bool here = ids[i] == expert;
            const uint32 lanes = __ballot_sync(0xFFFFFFFFu, here);
            if (here)
                found(first + i * 32 + lane, count + __popc(lanes & ((1u << lane) - 1)));
            count += __popc(lanes);
        }
    }
    return count;
}

// counts[expert][warp]
extern "C" __global__ void __launch_bounds__(256) count_rows(const GroupRowsGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    const int count = scan_rows(g, [](int, int) {});
    if ((threadIdx.x & 31) == 0)
        g.counts[blockIdx.x * Warps + (threadIdx.x >> 5)] = count;
}

// order[place] = row; pieces[i] = expert, first place, rows; their number; the number of places.
extern "C" __global__ void __launch_bounds__(256) place_rows(const GroupRowsGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, expert = blockIdx.x;
    // Every warp adds up what comes before it.
    int before = 0, pieces = 0;
    for (int other = lane; other < expert; other += 32)
    {
        int count = 0;
        for (int i = 0; i < Warps; i++)
            count += g.counts[other * Warps + i];
        before += count;
        pieces += (count + PieceRows - 1) / PieceRows;
    }
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2)
    {
        before += __shfl_xor_sync(0xFFFFFFFFu, before, distance);
        pieces += __shfl_xor_sync(0xFFFFFFFFu, pieces, distance);
    }

    int count = 0, start = before;
    for (int i = 0; i < Warps; i++)
    {
        const int part = g.counts[expert * Warps + i];
        count += part;
        start += i < warp ? part : 0;
    }
    int* order = g.order;
    scan_rows(g, [=](int row, int rank) { order[start + rank] = row; });

    const int own = (count + PieceRows - 1) / PieceRows;
    for (int i = threadIdx.x; i < own; i += blockDim.x)
    {
        int* piece = g.pieces + 3 * (pieces + i);
        piece[0] = expert;
        piece[1] = before + i * PieceRows;
        piece[2] = min(PieceRows, count - i * PieceRows);
    }
    if (expert == g.experts - 1 && threadIdx.x == 0)
    {
        *g.pieceCount = pieces + own;
        *g.placedRows = before + count;
    }
}

// Rows of experts that are elsewhere become zero; a warp to a row.
extern "C" __global__ void __launch_bounds__(256) clear_elsewhere(const ClearElsewhereGeometry g)
{
    grid_dependency_launch();
    grid_dependency_wait();
    const int row = blockIdx.x * g.rowsPerBlock + (threadIdx.x >> 5);
    if (row >= g.rows || (unsigned)(g.ids[row] - g.firstExpert) < (unsigned)g.experts)
        return;
    for (int i = threadIdx.x & 31; i < g.width; i += 32)
        g.result[(long long)row * g.width + i] = 0;
}
