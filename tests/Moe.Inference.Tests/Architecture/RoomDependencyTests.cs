namespace Moe.Inference.Tests.Architecture;

public class RoomDependencyTests
{
    [Fact]
    public void No_room_knows_one_that_the_design_does_not_let_it_know()
    {
        string root = Path.Combine(SharedData.RepositoryRoot, "src", "Moe.Inference");
        List<SourceFile> files = Directory.EnumerateFiles(root, "*.cs", SearchOption.AllDirectories)
            .Select(path => (Full: path, Short: Path.GetRelativePath(root, path).Replace('\\', '/')))
            .Where(path => path.Short.Split('/')[0] is not ("obj" or "bin"))
            .Select(path => new SourceFile(path.Short, File.ReadAllText(path.Full)))
            .ToList();
        files.Should().Contain(file => file.Room == "Tensors", "the sources were found");
        new RoomRules(files).Violations().Should().BeEmpty();
    }

    [Theory]
    [InlineData("Tensors/A.cs", "using Moe.Inference.Gguf;")]
    [InlineData("Gguf/A.cs", "using Moe.Inference.Tokenization;")]
    [InlineData("Architectures/A.cs", "using Moe.Inference.Placement;")]
    [InlineData("Architectures/Parts/A.cs", "    using static Moe.Inference.Execution.IBackend;")]
    [InlineData("Planning/A.cs", "using Backend = Moe.Inference.Cpu.CpuBackend;")]
    [InlineData("Execution/A.cs", "var backend = new Moe.Inference.Cpu.CpuBackend();")]
    [InlineData("Execution/A.cs", "var backend = new global::Moe.Inference.Cpu.CpuBackend();")]
    [InlineData("Execution/A.cs", "var backend = new Cpu.CpuBackend();")]
    [InlineData("Kv/A.cs", "var backend = Cpu.Kernels.CpuBackend.Create();")]
    [InlineData("Sampling/A.cs", "using Moe.Inference.Quantization;")]
    [InlineData("Errors/A.cs", "using Moe.Inference.Gguf;")]
    [InlineData("Sampling/A.cs", "namespace Moe.Inference.Gguf;")]
    [InlineData("Errors/A.cs", "namespace Moe.Inference.Errors;")]
    [InlineData("Nowhere/A.cs", "")]
    [InlineData("Usings.cs", "global using Moe.Inference.Tensors;")]
    [InlineData("Kv/A.cs", "private readonly Session _session;")]
    [InlineData("Kv/A.cs", "void Run(Context? context, int n)")]
    [InlineData("Ops/A.cs", "var model = await Model.LoadAsync(path);")]
    [InlineData("Ops/A.cs", "List<Model> models = [];")]
    [InlineData("Ops/A.cs", "return new Model(path);")]
    [InlineData("Cpu/A.cs", "return Moe.Inference.Model.Load(path);")]
    public void A_wrong_arrow_is_caught(string path, string line) =>
        Violations(path, line).Should().ContainSingle().Which.Should().StartWith(path);

    [Theory]
    [InlineData("Ops/A.cs", "using Moe.Inference.Tensors;")]
    [InlineData("Kv/A.cs", "using Moe.Inference.Gguf;")]
    [InlineData("Gguf/A.cs", "using Moe.Inference.Tensors;")]
    [InlineData("Cpu/Kernels/A.cs", "using Moe.Inference.Cpu.Simd;")]
    [InlineData("Cpu/Kernels/A.cs", "namespace Moe.Inference.Cpu.Kernels;")]
    [InlineData("Chat/A.cs", "public sealed class Client(Session session, Model model)")]
    [InlineData("Context.cs", "using Moe.Inference.Cpu;")]
    [InlineData("Session.cs", "using Moe.Inference.Sampling;")]
    [InlineData("Tensors/A.cs", "// as Moe.Inference.Cpu.CpuBackend and the Session class do")]
    [InlineData("Tensors/A.cs", "string text = \"using Moe.Inference.Cpu; a Model model\";")]
    [InlineData("Tensors/A.cs", "if (Device.Cpu.Kind == device.Kind)")]
    [InlineData("Ops/A.cs", "public string Model { get; }")]
    [InlineData("Ops/A.cs", "using Moe.Inference;")]
    [InlineData("Ops/A.cs", "ModelInfo info = Model is null ? Find(Model) : throw new UnsupportedModelException();")]
    public void An_allowed_line_is_let_through(string path, string line) =>
        Violations(path, line).Should().BeEmpty();

    private static IEnumerable<string> Violations(string path, string line) =>
        new RoomRules([new("Cpu/CpuBackend.cs", "public sealed class CpuBackend;"), new(path, $"// a file\n{line}\n")]).Violations();
}
