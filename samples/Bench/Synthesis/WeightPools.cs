using System.Numerics;
using Moe.Inference.Quantization;
using Moe.Inference.Sampling;
using Moe.Inference.Tensors;

namespace Moe.Inference.Bench.Synthesis;

/// <summary>
/// Encoding billions of numbers would take minutes, so that a few megabytes are encoded for each element type and row length, and rows are put
/// together of pieces drawn from there. Pieces are short: hardly two rows of a tensor are alike.
/// </summary>
internal sealed class WeightPools(ulong seed)
{
    private const int PoolElements = 1 << 21;
    private const int PieceElements = 256;
    private const int BufferBytes = 1 << 20;

    private readonly Dictionary<(ElementType Type, int RowLength), Pool> _pools = [];

    /// <summary>Writes rows of Gaussian numbers with variance 1/<paramref name="rowLength"/>. What is written depends on the seed and the name only.</summary>
    public void WriteRows(Stream stream, string name, ElementType type, int rowLength, long rows)
    {
        if (!_pools.TryGetValue((type, rowLength), out Pool? pool))
            _pools[(type, rowLength)] = pool = MakePool(QuantFormats.Of(type), rowLength);
        Xoshiro256 random = new(seed ^ Hash(name));
        byte[] buffer = new byte[BufferBytes / pool.PieceBytes * pool.PieceBytes];
        long left = rows * (rowLength / pool.PieceLength) * pool.PieceBytes;
        while (left > 0)
        {
            Span<byte> part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, left));
            for (int at = 0; at < part.Length; at += pool.PieceBytes)
                pool.Piece((int)(random.Next() % (ulong)pool.Pieces)).CopyTo(part[at..]);
            stream.Write(part);
            left -= part.Length;
        }
    }

    private Pool MakePool(QuantFormat format, int rowLength)
    {
        // A type with a scale for each row has rows that cannot be put together of pieces.
        int piece = format.Layout.RowHeaderBytes > 0 ? rowLength : (int)BigInteger.GreatestCommonDivisor(rowLength, PieceElements);
        int pieces = Math.Max(1, PoolElements / piece), bytes = (int)format.Layout.RowBytes(piece);
        Pool pool = new(new byte[pieces * bytes], piece, bytes);
        Gaussian gaussian = new(seed ^ Hash($"{format.Type} {rowLength}"), 1 / Math.Sqrt(rowLength));
        float[] numbers = new float[piece];
        for (int i = 0; i < pieces; i++)
        {
            gaussian.Fill(numbers);
            format.Encode(numbers, pool.Piece(i));
        }

        return pool;
    }

    // FNV-1a: string.GetHashCode differs from run to run.
    private static ulong Hash(string text)
    {
        ulong hash = 0xCBF29CE484222325;
        foreach (char c in text)
            hash = (hash ^ c) * 0x100000001B3;
        return hash;
    }

    private sealed class Pool(byte[] data, int pieceLength, int pieceBytes)
    {
        public int PieceLength => pieceLength;

        public int PieceBytes => pieceBytes;

        public int Pieces => data.Length / pieceBytes;

        public Span<byte> Piece(int index) => data.AsSpan(index * pieceBytes, pieceBytes);
    }
}
