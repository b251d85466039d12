using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using Moe.Inference.Cuda.Compilation;
using Moe.Inference.Cuda.Kernels;

namespace Moe.Inference.Cuda.Tests.Compilation;

/// <summary>Both sides of a launch see the same record.</summary>
public class GeometryDeclarationTests
{
    /// <summary>Every record that kernels are told things by.</summary>
    internal static IReadOnlyList<Type> All { get; } = [.. typeof(IKernelGeometry).Assembly.GetTypes().Where(type => type.IsValueType && typeof(IKernelGeometry).IsAssignableFrom(type)).OrderBy(type => type.Name, StringComparer.Ordinal)];

    public static TheoryData<string> Names => [.. All.Select(type => type.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_geometry_is_declared_for_kernels(string name) => Geometries.Text.Should().Contain($"struct {name}\n", "kernels find it in the header");

    [SkippableFact]
    public void The_compiler_of_kernels_puts_every_field_where_the_record_has_it()
    {
        CudaDevice device = TestGpu.Require();
        // NVRTC has no offsetof; it asserts the sizes, and the layout of such structs is the same everywhere.
        StringBuilder source = new($"#include \"{KernelSources.GeometryHeader}\"\n");
        foreach (Type type in All)
        {
            foreach (PropertyInfo property in Fields(type))
            {
                string field = char.ToLowerInvariant(property.Name[0]) + property.Name[1..];
                if (TestGpu.IsEmulated)
                    source.Append($"static_assert(__builtin_offsetof({type.Name}, {field}) == {Marshal.OffsetOf(type, $"<{property.Name}>k__BackingField")}, \"{type.Name}.{field}\");\n");
            }

            source.Append($"extern \"C\" __global__ void take_{type.Name}(const {type.Name} g) {{}}\n");
        }

        KernelCompiler compiler = new(device.Figures.Architecture, device.Device.ToString());
        compiler.Compile(new KernelCode("declarations.cu", ""), source.ToString(), KernelSources.Headers).Should().NotBeEmpty();
    }

    [SkippableFact]
    public void A_record_that_the_header_does_not_agree_with_does_not_compile()
    {
        CudaDevice device = TestGpu.Require();
        Dictionary<string, string> headers = new(KernelSources.Headers) { [KernelSources.GeometryHeader] = GeometryText.Of<QuantizeGeometry>().Replace("int width;", "long long width;", StringComparison.Ordinal) };
        KernelCompiler compiler = new(device.Figures.Architecture, device.Device.ToString());
        Action compile = () => compiler.Compile(new KernelCode("wrong.cu", ""), $"#include \"{KernelSources.GeometryHeader}\"\n", headers);
        compile.Should().Throw<DeviceException>().WithMessage("*both sides must agree*");
    }

    private static IEnumerable<PropertyInfo> Fields(Type type) => type.GetProperties().Where(property => type.GetField($"<{property.Name}>k__BackingField", BindingFlags.Instance | BindingFlags.NonPublic) is not null);
}
