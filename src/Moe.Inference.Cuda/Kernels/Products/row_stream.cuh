// Products of rows of a block format with a few rows of 8-bit activations in shared memory: each warp streams pairs of rows of weights
// through a ring of its own, a step of 1024 weights of each (a piece for each lane) at a time, so that several steps are always under way.
// Scalar equivalent: sums[r][t] = sum over i of weight[r][i] * x[t][i].
#pragma once
#include "lane_sums.cuh"
#include "shared_rows.cuh"

template <class F>
struct Ring
{
    static constexpr int Rows = 2;                    // that a warp reads together, so that what it reads of x serves both
    static constexpr int Weights = 1024;              // of a row and step
    static constexpr int Blocks = Weights / F::Length;
    static constexpr int StepBytes = Blocks * F::Bytes;
    static constexpr bool Aligned = F::Bytes % 16 == 0; // whether every block begins at a multiple of 16
    static constexpr int RowBytes = (StepBytes + 15) / 16 * 16 + 16; // copies begin and end at multiples of 16
    static constexpr int Bytes = Rows * RowBytes * SLOTS;

    // How far into its first 16 bytes a row's step begins.
    __device__ static __forceinline__ int before(const uint8* row, int step)
    {
        return Aligned ? 0 : ((int)(uint64)row + step * (StepBytes % 16)) & 15;
    }
};

// A lane's part of copying a step of a row, of which `left` bytes are still to come; what is before them in the same 16 bytes comes along.
// `to` is the lane's own 16 bytes of the ring.
template <class F>
__device__ __forceinline__ void fetch_step(uint8* to, const uint8* from, int left, int lane)
{
    using R = Ring<F>;
    const int before = R::before(from, 0);
    const int units = (int)((uint32)(before + min(left, R::StepBytes) + 15) / 16);
    from += lane * 16 - before;
#pragma unroll
    for (int first = 0; first < R::RowBytes / 16; first += 32)
    {
        if (lane < units - first)
            cp_async16(to + first * 16, from + first * 16);
    }
}

// Which piece of a step a lane has, and where the activations that meet it are, counted from those of the step.
template <class F>
struct LanePlace
{
    int block, piece;
    int first, second; // offsets of the 16 codes of each run
    int scale, firstSum, secondSum;

    __device__ __forceinline__ explicit LanePlace(int lane)
    {
        block = lane / F::Pieces;
        piece = lane % F::Pieces;
        const int at = block * F::Length + F::start(piece, 0), next = block * F::Length + F::start(piece, 1);
        first = shared_unit<F>(at / 16) * 16;
        second = shared_unit<F>(next / 16) * 16;
        scale = at / F::ActivationBlock;
        firstSum = at / 32;
        secondSum = next / 32;
    }
};

// A lane's pieces of two rows with T rows of activations, from row `begin` on.
template <class F, int T>
__device__ __forceinline__ void multiply_pieces(
    const Piece (&w)[Ring<F>::Rows], const SharedRows<F>& x, int begin, const LanePlace<F>& place, int step, float (&sums)[Ring<F>::Rows][T])
{
    const uint8* codes = x.codes(begin) + step * Ring<F>::Weights;
    const float* scales = x.scales(begin) + step * (Ring<F>::Weights / F::ActivationBlock) + place.scale;
    const float* halves = x.half_sums(begin) + step * (Ring<F>::Weights / 32);
#pragma unroll
    for (int t = 0; t < T; t++)
    {
        const uint4 a = *(const uint4*)(codes + place.first), b = *(const uint4*)(codes + place.second);
        const float scale = *scales;
#pragma unroll
        for (int r = 0; r < Ring<F>::Rows; r++)
        {
            int dot0 = __dp4a((int)w[r].codes[0], (int)a.x, 0), dot1 = __dp4a((int)w[r].codes[4], (int)b.x, 0);
            dot0 = __dp4a((int)w[r].codes[1], (int)a.y, dot0);
            dot1 = __dp4a((int)w[r].codes[5], (int)b.y, dot1);
            dot0 = __dp4a((int)w[r].codes[2], (int)a.z, dot0);
            dot1 = __dp4a((int)w[r].codes[6], (int)b.z, dot1);
            dot0 = __dp4a((int)w[r].codes[3], (int)a.w, dot0);
            dot1 = __dp4a((int)w[r].codes[7], (int)b.w, dot1);
            float product = fmaf(w[r].scale[1], (float)dot1, w[r].scale[0] * (float)dot0);
            if (F::HasMinimum)
            {
                // A group's sum is that of two runs, of different pieces: each subtracts half of it.
                product = fmaf(-w[r].minimum[0], halves[place.firstSum], product);
                product = fmaf(-w[r].minimum[1], halves[place.secondSum], product);
            }
            sums[r][t] = fmaf(scale, product, sums[r][t]);
        }
        codes += x.width;
        scales += x.width / F::ActivationBlock;
        halves += x.width / 32;
    }
}

// The calling warp's pairs of rows, items 0, 1, … items - 1 in this order.
//   row(item, r)         the address of row r of an item.
//   begin(item)          the first of the T rows of activations that meet it.
//   prepare()            called once while the first copies are under way: fills x and waits for the block.
//   finish(item, sums)   called by all lanes with each lane's own parts of the sums.
template <class F, int T, class RowAt, class Begin, class Prepare, class Finish>
__device__ __forceinline__ void stream_rows(const SharedRows<F>& x, uint8* memory, int items, RowAt row, Begin begin, Prepare prepare, Finish finish)
{
    using R = Ring<F>;
    const int lane = threadIdx.x & 31;
    const int blocks = x.width / F::Length, steps = (blocks + R::Blocks - 1) / R::Blocks;

    const int rowBytes = blocks * F::Bytes;
    uint8* const ring = memory + lane * 16;
    uint8* to = ring;
    int nextItem = 0, nextSlot = 0, left = 0;
    const uint8* next[R::Rows];
    const auto open = [&]()
    {
        left = rowBytes;
#pragma unroll
        for (int r = 0; r < R::Rows; r++)
            next[r] = row(nextItem, r);
    };
    const auto fetch = [&]()
    {
        if (nextItem < items)
        {
#pragma unroll
            for (int r = 0; r < R::Rows; r++)
            {
                fetch_step<F>(to + r * R::RowBytes, next[r], left, lane);
                next[r] += R::StepBytes;
            }
            left -= R::StepBytes;
            to = ++nextSlot == SLOTS ? ring : to + R::Rows * R::RowBytes;
            nextSlot = nextSlot == SLOTS ? 0 : nextSlot;
            if (left <= 0 && ++nextItem < items)
                open();
        }
        cp_async_commit();
    };

    if (items > 0)
        open();
#pragma unroll 1
    for (int i = 0; i < SLOTS - 1; i++)
        fetch();
    prepare();

    const LanePlace<F> place(lane);
    int slot = 0;
#pragma unroll 1
    for (int item = 0; item < items; item++)
    {
        float sums[R::Rows][T] = {};
#pragma unroll 1
        for (int step = 0; step < steps; step++)
        {
            cp_async_wait<SLOTS - 2>();
            __syncwarp();
            fetch();
            if (step * R::Blocks + place.block < blocks)
            {
                const uint8* own = memory + slot * (R::Rows * R::RowBytes) + place.block * F::Bytes;
                Piece w[R::Rows];
#pragma unroll
                for (int r = 0; r < R::Rows; r++)
                    w[r] = F::unpack(own + r * R::RowBytes + (R::Aligned ? 0 : R::before(row(item, r), step)), place.piece);
                multiply_pieces<F, T>(w, x, begin(item), place, step, sums);
            }
            slot = slot + 1 == SLOTS ? 0 : slot + 1;
        }
        finish(item, sums);
    }
}
