// The memory of a team of threads that multiplies a tile (tiled_product.cuh): where its parts lie, and how they are filled. A step is 256
// weights of each row with 256 activations of each token: raw blocks and activations are copied asynchronously, the latter alternating
// between two stages; then raw blocks are unpacked to signed bytes.
#pragma once
#include "tile_scales.cuh"

// What a tile multiplies.
struct TileOperands
{
    const uint8* weights;        // the matrix
    const uint8* second;         // the second matrix of a gated tile
    const uint8* end;            // where the memory of the weights ends
    const uint8* secondEnd;      // and that of the second ones
    long long rowBytes;          // of the weights
    int rows;                    // of the matrix
    int firstRow;                // of the tile
    int width;                   // elements of a row
    const int8* codes;           // activations rounded to 8 bits: codes [row][width]
    const float* factors;        // their scales [row][width / 256], or [row][width / 32] for small blocks
    const float* codeSums;       // the sums of 32 codes each [row][width / 32]
    const int* sources;          // which row of the activations each token is, times `perSource`; null: they follow `firstSource`
    int perSource;
    int firstSource;
    int tokens;                  // of the tile, from 1 on
};

// RowWarps: 32 rows each. Tokens: 16, 32 or 64. Teams: that share a tile, each with memory of its own. Gated: half of the rows are of a gate's matrix, the others the same ones
// of another.
template <class Format, int RowWarps, int Tokens, int Teams, bool Gated>
struct TileMemory
{
    static constexpr int Rows = 32 * RowWarps, Threads = 64 * RowWarps /* of a team */, Step = 256, Group = Format::Group, Groups = Step / Group;
    static constexpr int TokenTiles = Tokens / 16;             // of a warp, 8 tokens each
    static constexpr bool Super = Format::ActivationBlock == Step, Minimums = Format::HasMinimum;

    // Rows of raw blocks are copied in pieces of 16 bytes; where blocks may begin between two, the place within the 16 bytes is kept.
    static constexpr int StepBytes = Step / Format::Length * Format::Bytes, Alignment = Format::Bytes & -Format::Bytes;
    static constexpr bool Aligned = Alignment >= 16;
    static constexpr int RawChunks = Aligned ? StepBytes / 16 : (StepBytes + (16 - Alignment) + 15) / 16, RawBytes = RawChunks * 16;

    // Sixteen bytes more than the codes: then eight rows of 16 bytes lie in different banks.
    static constexpr int CodeBytes = Step + 16;
    // Eight sums of 32 activations, or eight scales; 16 bytes more for the same reason.
    static constexpr int SideBytes = Minimums || !Super ? 48 : 0;

    static constexpr int SourcesAt = 0;                        // [token], its row of the activations
    static constexpr int RowsAt = SourcesAt + Tokens * 4;      // [row], where it begins
    static constexpr int RawAt = RowsAt + Rows * 8;
    static constexpr int CodesAt = RawAt + Rows * RawBytes;
    static constexpr int ScalesAt = CodesAt + Rows * CodeBytes;             // [group][row], int; float for small blocks
    static constexpr int MinimumsAt = ScalesAt + Rows * Groups * 4;         // [row][group], half
    static constexpr int HeadersAt = MinimumsAt + (Minimums ? Rows * 16 : 0); // [row], d and m
    static constexpr int ActivationsAt = HeadersAt + (Super ? Rows * 8 : 0);
    static constexpr int SidesAt = Tokens * CodeBytes, FactorsAt = SidesAt + Tokens * SideBytes;
    static constexpr int ActivationBytes = FactorsAt + (Super ? Tokens * 4 : 0);
    static constexpr int TeamBytes = ActivationsAt + 2 * ActivationBytes, SharedBytes = Teams * TeamBytes;

    // The calling thread within its team.
    __device__ static __forceinline__ int thread()
    {
        return Teams == 1 ? threadIdx.x : threadIdx.x % Threads;
    }

    // Writes down where rows begin; rows beyond the matrix are its last one again, and so with tokens.
    __device__ static __forceinline__ void find_rows(const TileOperands& o, uint8* shared)
    {
        for (int i = thread(); i < Rows; i += Threads)
        {
            const int row = o.firstRow + (Gated ? (i >> 5) * 16 + (i & 15) : i);
            ((const uint8**)(shared + RowsAt))[i] = (Gated && (i & 16) ? o.second : o.weights) + min(row, o.rows - 1) * o.rowBytes;
        }
        for (int i = thread(); i < Tokens; i += Threads)
        {
            const int token = min(i, o.tokens - 1);
            ((int*)(shared + SourcesAt))[i] = o.sources == nullptr ? o.firstSource + token : o.sources[token] / o.perSource;
        }
    }

    __device__ static __forceinline__ const uint8* weight_row(const uint8* shared, int row)
    {
        return ((const uint8* const*)(shared + RowsAt))[row];
    }

    __device__ static __forceinline__ void copy_weights(const TileOperands& o, uint8* shared, int step)
    {
        const int at = step * StepBytes;
        for (int i = thread(); i < Rows * RawChunks; i += Threads)
        {
            const int row = i / RawChunks, chunk = i % RawChunks;
            uint8* destination = shared + RawAt + i * 16;
            const uint8* begin = weight_row(shared, row) + at;
            if constexpr (Aligned)
            {
                cp_async16(destination, begin + chunk * 16);
            }
            else
            {
                const uint8* source = begin - ((uint64)begin & 15) + chunk * 16;
                const uint8* end = Gated && (row & 16) ? o.secondEnd : o.end;
                if (source + 16 <= end)
                {
                    if (source < begin + min((long long)StepBytes, o.rowBytes - at))
                        cp_async16(destination, source);
                }
                else
                {
                    // The last bytes of the last row.
                    for (int j = 0; source + j < end; j++)
                        destination[j] = source[j];
                }
            }
        }
    }

    __device__ static __forceinline__ void copy_activations(const TileOperands& o, uint8* shared, int step, int stage)
    {
        const int* sources = (const int*)(shared + SourcesAt);
        uint8* target = shared + ActivationsAt + stage * ActivationBytes;
        for (int i = thread(); i < Tokens * 16; i += Threads)
        {
            const int token = i >> 4, at = step * Step + (i & 15) * 16;
            uint8* destination = target + token * CodeBytes + (i & 15) * 16;
            const int8* source = o.codes + (long long)sources[token] * o.width + at;
            if constexpr (Super)
                cp_async16(destination, source);
            else
                cp_async16_or_zero(destination, source, at < o.width);
        }

        if constexpr (Minimums)
        {
            for (int i = thread(); i < Tokens * 2; i += Threads)
            {
                const int token = i >> 1, part = i & 1;
                cp_async16(target + SidesAt + token * SideBytes + part * 16, o.codeSums + (long long)sources[token] * (o.width / 32) + step * 8 + part * 4);
            }
        }
        if constexpr (Super)
        {
            for (int token = thread(); token < Tokens; token += Threads)
                cp_async4(target + FactorsAt + token * 4, o.factors + (long long)sources[token] * (o.width / Step) + step);
        }
        else
        {
            for (int i = thread(); i < Tokens * 8; i += Threads)
            {
                const int token = i >> 3, group = step * 8 + (i & 7);
                if (group * 32 < o.width)
                    cp_async4(target + SidesAt + token * SideBytes + (i & 7) * 4, o.factors + (long long)sources[token] * (o.width / 32) + group);
            }
        }
    }

    // Raw blocks become signed bytes, and scales numbers; a piece of 32 weights to a thread.
    __device__ static __forceinline__ void unpack(const TileOperands& o, uint8* shared, int step)
    {
        for (int i = thread(); i < Rows * 8; i += Threads)
        {
            const int row = i >> 3, piece = i & 7, block = piece / Format::Pieces;
            if (!Super && step * Step + block * Format::Length >= o.width)
                continue;
            const Piece p = Format::unpack(raw_row(shared, row, step) + block * Format::Bytes, piece % Format::Pieces);
            uint8* codes = shared + CodesAt + row * CodeBytes + block * Format::Length;
#pragma unroll
            for (int run = 0; run < 2; run++)
                *(uint4*)(codes + Format::start(piece % Format::Pieces, run)) = make_uint4(p.codes[4 * run], p.codes[4 * run + 1], p.codes[4 * run + 2], p.codes[4 * run + 3]);
            if constexpr (!Super)
                ((float*)(shared + ScalesAt))[block * Rows + row] = p.scale[0];
        }

        if constexpr (Super)
        {
            for (int i = thread(); i < Rows * Groups; i += Threads)
            {
                const int row = i % Rows, group = i / Rows;
                const uint8* raw = raw_row(shared, row, step);
                ((int*)(shared + ScalesAt))[i] = TileScales<Format>::scale(raw, group);
                if constexpr (Minimums)
                    ((uint16*)(shared + MinimumsAt))[row * 8 + group] = float_to_half((float)TileScales<Format>::minimum(raw, group));
            }
            for (int row = thread(); row < Rows; row += Threads)
            {
                const uint8* raw = raw_row(shared, row, step);
                float2 header = make_float2(TileScales<Format>::d(raw), 0);
                if constexpr (Minimums)
                    header.y = TileScales<Format>::m(raw);
                ((float2*)(shared + HeadersAt))[row] = header;
            }
        }
    }

    __device__ static __forceinline__ const uint8* raw_row(const uint8* shared, int row, int step)
    {
        return shared + RawAt + row * RawBytes + (Aligned ? 0 : (int)((uint64)(weight_row(shared, row) + step * StepBytes) & 15));
    }
};
