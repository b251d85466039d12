using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;

namespace Moe.Inference.Cuda.Compilation;

/// <summary>The declaration of a geometry as kernels include it, made from the record itself.</summary>
internal static class GeometryText
{
    private const BindingFlags Fields = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic;

    /// <summary>A C++ struct with the record's name, its fields in memory order under their names in camel case, and its size asserted.</summary>
    public static string Of<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicFields | DynamicallyAccessedMemberTypes.NonPublicFields)] T>()
        where T : unmanaged, IKernelGeometry
    {
        StringBuilder text = new($"struct {typeof(T).Name}\n{{\n");
        foreach (FieldInfo field in typeof(T).GetFields(Fields).OrderBy(field => field.MetadataToken))
            text.Append($"    {TypeOf(field.FieldType)} {NameOf(field.Name)};\n");
        return text.Append($"}};\nstatic_assert(sizeof({typeof(T).Name}) == {Marshal.SizeOf<T>()}, \"both sides must agree\");\n").ToString();
    }

    // A property's own field is called <Name>k__BackingField.
    private static string NameOf(string field)
    {
        string name = field.StartsWith('<') ? field[1..field.IndexOf('>', StringComparison.Ordinal)] : field;
        return char.ToLowerInvariant(name[0]) + name[1..];
    }

    private static string TypeOf(Type type) => Scalar(type)
        ?? (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(DevicePointer<>) ? $"{Scalar(type.GetGenericArguments()[0])}*" : null)
        ?? throw new NotSupportedException($"a geometry cannot hold a {type}");

    private static string? Scalar(Type type) => type == typeof(int) ? "int"
        : type == typeof(long) ? "long long"
        : type == typeof(float) ? "float"
        : type == typeof(byte) ? "unsigned char"
        : type == typeof(sbyte) ? "signed char"
        : type == typeof(ushort) ? "unsigned short"
        : null;
}
