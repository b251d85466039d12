namespace Moe.Inference.Gguf;

/// <summary>Reads the keys and values of a header.</summary>
internal static class GgufValueReader
{
    /// <summary>Reads the keys and values, whose count is already checked against the file's length.</summary>
    public static OrderedDictionary<string, GgufValue> ReadAll(GgufHeaderReader reader, int count)
    {
        OrderedDictionary<string, GgufValue> values = new(count, StringComparer.Ordinal);
        for (int i = 0; i < count; i++)
        {
            reader.Subject = null;
            long at = reader.Offset;
            string key = reader.ReadName("a metadata key");
            reader.Subject = ("metadata key", key);
            GgufValueType type = ReadType(reader);
            if (!values.TryAdd(key, ReadValue(reader, type, 0)))
                throw reader.Error("the key occurs twice", at);
        }
        reader.Subject = null;
        return values;
    }

    private static GgufValueType ReadType(GgufHeaderReader reader)
    {
        long at = reader.Offset;
        uint type = reader.Read<uint>("a value type");
        return type <= (uint)GgufValueType.Float64 ? (GgufValueType)type : throw reader.Error($"there is no value type {type}", at);
    }

    private static GgufValue ReadValue(GgufHeaderReader reader, GgufValueType type, int depth)
    {
        long at = reader.Offset;
        if (type == GgufValueType.Array)
            return ReadArray(reader, depth + 1);
        object value = type switch
        {
            GgufValueType.UInt8 => reader.Read<byte>("a value"),
            GgufValueType.Int8 => reader.Read<sbyte>("a value"),
            GgufValueType.UInt16 => reader.Read<ushort>("a value"),
            GgufValueType.Int16 => reader.Read<short>("a value"),
            GgufValueType.UInt32 => reader.Read<uint>("a value"),
            GgufValueType.Int32 => reader.Read<int>("a value"),
            GgufValueType.UInt64 => reader.Read<ulong>("a value"),
            GgufValueType.Int64 => reader.Read<long>("a value"),
            GgufValueType.Float32 => reader.Read<float>("a value"),
            GgufValueType.Float64 => reader.Read<double>("a value"),
            GgufValueType.Boolean => reader.ReadBoolean(),
            _ => reader.ReadString("a string"),
        };
        return new GgufValue(type, null, value, at);
    }

    private static GgufValue ReadArray(GgufHeaderReader reader, int depth)
    {
        long at = reader.Offset;
        if (depth > GgufLimits.MaxArrayDepth)
            throw reader.Error($"arrays nest more than {GgufLimits.MaxArrayDepth} deep", at);
        GgufValueType type = ReadType(reader);
        int count = reader.ReadCount("the length of an array", LeastBytes(type));
        Array values = type switch
        {
            GgufValueType.UInt8 => reader.ReadArray<byte>(count),
            GgufValueType.Int8 => reader.ReadArray<sbyte>(count),
            GgufValueType.UInt16 => reader.ReadArray<ushort>(count),
            GgufValueType.Int16 => reader.ReadArray<short>(count),
            GgufValueType.UInt32 => reader.ReadArray<uint>(count),
            GgufValueType.Int32 => reader.ReadArray<int>(count),
            GgufValueType.UInt64 => reader.ReadArray<ulong>(count),
            GgufValueType.Int64 => reader.ReadArray<long>(count),
            GgufValueType.Float32 => reader.ReadArray<float>(count),
            GgufValueType.Float64 => reader.ReadArray<double>(count),
            GgufValueType.Boolean => reader.ReadBooleans(count),
            GgufValueType.String => ReadStrings(reader, count),
            _ => ReadArrays(reader, count, depth),
        };
        return new GgufValue(GgufValueType.Array, type, values, at);
    }

    private static string[] ReadStrings(GgufHeaderReader reader, int count)
    {
        string[] values = new string[count];
        for (int i = 0; i < count; i++)
            values[i] = reader.ReadString("a string");
        return values;
    }

    private static GgufValue[] ReadArrays(GgufHeaderReader reader, int count, int depth)
    {
        GgufValue[] values = new GgufValue[count];
        for (int i = 0; i < count; i++)
            values[i] = ReadArray(reader, depth + 1);
        return values;
    }

    /// <summary>The least bytes an element takes: a string has at least its length, an array its type and length.</summary>
    private static int LeastBytes(GgufValueType type) => type switch
    {
        GgufValueType.UInt8 or GgufValueType.Int8 or GgufValueType.Boolean => 1,
        GgufValueType.UInt16 or GgufValueType.Int16 => 2,
        GgufValueType.UInt32 or GgufValueType.Int32 or GgufValueType.Float32 => 4,
        GgufValueType.Array => sizeof(uint) + sizeof(ulong),
        _ => 8,
    };
}
