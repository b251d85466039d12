// Tiles of keys or values in shared memory: `Keys` rows of one head, copied by `Threads` threads into a stage; then decoded, where that is
// needed, into planes of 16-bit numbers (HalfRows). Positions of a tile begin at a multiple of 16, and a page holds a multiple of 16 tokens.
#pragma once
#include "kv_formats.cuh"
#include "flash_softmax.cuh"

// One half (keys or values) of a head's memory, along one sequence.
struct Sequence
{
    const uint8* pages;
    const int* table;
    int head, heads, pageShift;

    template <class Format>
    __device__ __forceinline__ const uint8* row(int position, int width) const
    {
        long long page = table[position >> pageShift];
        return pages + ((((page * heads + head) << pageShift) + (position & ((1 << pageShift) - 1))) * Format::row_bytes(width));
    }
};

// Halves are used as they come.
template <int Width, int Keys, int Threads>
struct HalfTile
{
    static constexpr int StageBytes = Keys * HalfRows<Width>::Stride * 2, PlaneBytes = 0;

    // Begins to copy `count` rows from a position on; the others become zero.
    static __device__ __forceinline__ void load(uint8* stage, const Sequence& sequence, int position, int count, int thread)
    {
        constexpr int Chunks = Width / 8, RowsAtOnce = Threads / Chunks;
        if constexpr (Threads % Chunks == 0 && 16 % RowsAtOnce == 0)
        {
            // Sixteen rows follow each other in a page, which is looked up once for them.
            int row = thread / Chunks;
            #pragma unroll
            for (int first = 0; first < Keys; first += 16)
            {
                const uint8* source = sequence.row<KvF16>(position + (first < count ? first : 0), Width) + thread * 16;
                uint8* target = stage + ((first + row) * HalfRows<Width>::Stride + thread % Chunks * 8) * 2;
                #pragma unroll
                for (int n = 0; n < 16; n += RowsAtOnce)
                    cp_async16_or_zero(target + n * HalfRows<Width>::Stride * 2, source + n * Width * 2, first + n + row < count);
            }
        }
        else
        {
            for (int i = thread; i < Keys * Chunks; i += Threads)
            {
                int row = i / Chunks, chunk = i % Chunks;
                const uint8* source = sequence.row<KvF16>(position + (row < count ? row : 0), Width) + chunk * 16;
                cp_async16_or_zero(stage + (row * HalfRows<Width>::Stride + chunk * 8) * 2, source, row < count);
            }
        }
    }

    static __device__ __forceinline__ void decode(const uint8*, uint8*, int, int) { }
};

// Blocks of signed bytes are copied as they are, then decoded.
template <int Width, int Keys>
struct ByteTile
{
    static constexpr int RowBytes = Width / KvQ8_0::BlockLength * KvQ8_0::BlockBytes, StageBytes = Keys * RowBytes;

    // Begins to copy `count` rows. Sixteen rows follow each other in a page, whose bytes go in sixteens; of the last, only those of the rows.
    template <int Threads>
    static __device__ __forceinline__ void copy(uint8* stage, const Sequence& sequence, int position, int count, int thread)
    {
        for (int i = thread; i < (count + 15) / 16 * RowBytes; i += Threads)
        {
            int group = i / RowBytes, chunk = i % RowBytes;
            const uint8* source = sequence.row<KvQ8_0>(position + group * 16, Width) + chunk * 16;
            const int left = min(16, count - group * 16) * RowBytes - chunk * 16;
            if (left >= 16)
                cp_async16(stage + i * 16, source);
            else
                copy_rest(stage + i * 16, source, left);
        }
    }

    // The last bytes of the rows, an even number of them, and zeros behind.
    static __device__ __forceinline__ void copy_rest(uint8* target, const uint8* source, int bytes)
    {
        #pragma unroll
        for (int i = 0; i < 16; i += 2)
            *(uint16*)(target + i) = i < bytes ? *(const uint16*)(source + i) : (uint16)0;
    }

    static __device__ __forceinline__ const uint8* block_of(const uint8* stage, int row, int block)
    {
        return stage + row * RowBytes + block * KvQ8_0::BlockBytes;
    }

    static __device__ __forceinline__ float scale_of(const uint8* block)
    {
        return half_to_float(*(const uint16*)block);
    }

    // Four codes from a column on, a multiple of four; blocks lie at even addresses.
    static __device__ __forceinline__ float4 codes_of(const uint8* block, int column)
    {
        const uint16* codes = (const uint16*)(block + KvQ8_0::CodesAt + column % KvQ8_0::BlockLength);
        uint32 first = codes[0], second = codes[1];
        return make_float4((int8)first, (int8)(first >> 8), (int8)second, (int8)(second >> 8));
    }
};

template <class Format, int Width, int Keys, int Threads>
struct KeyTileOf;

template <int Width, int Keys, int Threads>
struct KeyTileOf<KvF16, Width, Keys, Threads> : HalfTile<Width, Keys, Threads>
{
    template <class Rows>
    static __device__ __forceinline__ void multiply(const Rows& rows, float (&scores)[Keys / 8][4], const uint8* stage, const uint8*)
    {
        rows.template multiply_keys<Keys, false>(scores, (const uint16*)stage, nullptr);
    }
};

// scale * code needs 19 bits: it becomes the sum of two halves, exactly, as both are multiples of the scale's last place.
template <int Width, int Keys, int Threads>
struct KeyTileOf<KvQ8_0, Width, Keys, Threads> : ByteTile<Width, Keys>
{
    typedef ByteTile<Width, Keys> Bytes;
    static constexpr int PlaneLength = Keys * HalfRows<Width>::Stride, PlaneBytes = 2 * PlaneLength * 2;

    static __device__ __forceinline__ void load(uint8* stage, const Sequence& sequence, int position, int count, int thread)
    {
        Bytes::template copy<Threads>(stage, sequence, position, count, thread);
    }

    // Rows beyond `count` become zero.
    static __device__ __forceinline__ void decode(const uint8* stage, uint8* planes, int count, int thread)
    {
        constexpr int Fours = Width / 4;
        for (int i = thread; i < Keys * Fours; i += Threads)
        {
            int row = i / Fours, column = i % Fours * 4;
            uint2 high = make_uint2(0, 0), low = make_uint2(0, 0);
            if (row < count)
            {
                const uint8* block = Bytes::block_of(stage, row, column / KvQ8_0::BlockLength);
                float d = Bytes::scale_of(block);
                float4 codes = Bytes::codes_of(block, column);
                split_halves(d * codes.x, d * codes.y, high.x, low.x);
                split_halves(d * codes.z, d * codes.w, high.y, low.y);
            }

            uint16* target = (uint16*)planes + row * HalfRows<Width>::Stride + column;
            *(uint2*)target = high;
            *(uint2*)(target + PlaneLength) = low;
        }
    }

    template <class Rows>
    static __device__ __forceinline__ void multiply(const Rows& rows, float (&scores)[Keys / 8][4], const uint8*, const uint8* planes)
    {
        rows.template multiply_keys<Keys, true>(scores, (const uint16*)planes, (const uint16*)planes + PlaneLength);
    }
};

template <class Format, int Width, int Keys, int Threads>
struct ValueTileOf;

template <int Width, int Keys, int Threads>
struct ValueTileOf<KvF16, Width, Keys, Threads> : HalfTile<Width, Keys, Threads>
{
    template <class Rows>
    static __device__ __forceinline__ void add(Rows& rows, const float (&weights)[Keys / 8][4], const uint8* stage, const uint8*, int)
    {
        rows.template add_halves<Keys>(weights, (const uint16*)stage);
    }
};

// Codes become bfloat16, which hold them exactly; scales stay where they are.
template <int Width, int Keys, int Threads>
struct ValueTileOf<KvQ8_0, Width, Keys, Threads> : ByteTile<Width, Keys>
{
    typedef ByteTile<Width, Keys> Bytes;
    static constexpr int PlaneBytes = Keys * HalfRows<Width>::Stride * 2;

    static __device__ __forceinline__ void load(uint8* stage, const Sequence& sequence, int position, int count, int thread)
    {
        Bytes::template copy<Threads>(stage, sequence, position, count, thread);
    }

    // Rows beyond `count` become zero.
    static __device__ __forceinline__ void decode(const uint8* stage, uint8* planes, int count, int thread)
    {
        constexpr int Fours = Width / 4;
        for (int i = thread; i < Keys * Fours; i += Threads)
        {
            int row = i / Fours, column = i % Fours * 4;
            float4 codes = row < count ? Bytes::codes_of(Bytes::block_of(stage, row, column / KvQ8_0::BlockLength), column) : make_float4(0, 0, 0, 0);
            *(uint2*)((uint16*)planes + row * HalfRows<Width>::Stride + column) = make_uint2(pack_bf16x2(codes.x, codes.y), pack_bf16x2(codes.z, codes.w));
        }
    }

    template <class Rows>
    static __device__ __forceinline__ void add(Rows& rows, const float (&weights)[Keys / 8][4], const uint8* stage, const uint8* planes, int count)
    {
        rows.template add_codes<Keys>(weights, (const uint16*)planes, [=](int key, int block)
        {
            return key < count ? Bytes::scale_of(Bytes::block_of(stage, key, block)) : 0.0f;
        });
    }
};
