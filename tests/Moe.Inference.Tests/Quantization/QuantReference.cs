using System.Runtime.InteropServices;
using System.Text.Json;
using Moe.Inference.Tensors;

namespace Moe.Inference.Tests.Quantization;

/// <summary>Rows quantized by another implementation, and the floats they must decode to.</summary>
internal sealed record QuantReference(ElementType Type, int Rows, int Columns, double RelativeRmse, byte[] Data, float[] Floats)
{
    public static QuantReference Read(ElementType type)
    {
        string folder = SharedData.Require("reference/quants");
        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "quants.json")));
        int rows = json.RootElement.GetProperty("rows").GetInt32(), columns = json.RootElement.GetProperty("cols").GetInt32();
        JsonElement entry = json.RootElement.GetProperty("types").EnumerateArray().Single(e => e.GetProperty("id").GetInt32() == (int)type);
        byte[] all = File.ReadAllBytes(Path.Combine(folder, "quants.bin"));
        byte[] data = all.AsSpan(entry.GetProperty("data_offset").GetInt32(), rows * entry.GetProperty("row_bytes").GetInt32()).ToArray();
        float[] floats = MemoryMarshal.Cast<byte, float>(all.AsSpan(entry.GetProperty("float_offset").GetInt32(), rows * columns * 4)).ToArray();
        return new QuantReference(type, rows, columns, entry.GetProperty("relative_rmse").GetDouble(), data, floats);
    }
}
