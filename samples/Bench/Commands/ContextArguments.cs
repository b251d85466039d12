using System.CommandLine;
using System.Globalization;
using Moe.Inference.Kv;
using Moe.Inference.Ops;
using Moe.Inference.Placement;
using Moe.Inference.Tensors;

namespace Moe.Inference.Bench.Commands;

/// <summary>The options that decide how a model is computed.</summary>
internal sealed class ContextArguments
{
    private readonly ThreadArguments _threads;
    private readonly Option<int> _batch = Arguments.Count("--batch", 512, "Most tokens computed in one step", most: 1 << 16, aliases: "-b");
    private readonly Option<string?> _kvType = new("--kv-type") { Description = "Element type of key/value memory: f16 (f32 with --exact) if not given" };
    private readonly Option<bool> _exact = new("--exact") { Description = "Compute in float32, without quantizing activations" };
    private readonly Option<bool> _validate = new("--validate") { Description = "Check every step against the host's reference kernels while running: very slow" };
    private readonly Option<string?> _offload = new("--offload") { Description = "Device that is sent the experts of the host for large batches, such as CUDA0; CUDA0:4 from 4 uses per expert on" };
    private readonly (Option<bool> Option, string Operation)[] _switches = [Switch("fused-moe"), Switch("multi-add"), Switch("flash-attention")];

    public ContextArguments(Command command)
    {
        _kvType.AcceptOnlyFromAmong("f32", "f16", "q8_0");
        _threads = new ThreadArguments(command);
        command.Add(_batch);
        command.Add(_kvType);
        command.Add(_exact);
        command.Add(_validate);
        command.Add(_offload);
        foreach ((Option<bool> option, _) in _switches)
            command.Add(option);
    }

    /// <summary>The options that were given.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="contextLength">Tokens that one session may hold.</param>
    /// <param name="sessions">Sessions that are used at once.</param>
    public ContextOptions Read(ParseResult parsed, int contextLength, int sessions = 1)
    {
        bool exact = parsed.GetValue(_exact);
        string kvType = parsed.GetValue(_kvType) ?? (exact ? "f32" : "f16");
        OpRegistry operations = Context.CreateRegistry();
        foreach ((Option<bool> option, string operation) in _switches)
        {
            if (parsed.GetValue(option))
                operations.Disable(operation);
        }

        return _threads.Apply(parsed, new ContextOptions
        {
            ContextLength = contextLength,
            KvCapacity = Capacity(contextLength, sessions),
            KvType = Enum.Parse<ElementType>(kvType, ignoreCase: true),
            MicroBatch = parsed.GetValue(_batch),
            Exact = exact,
            Validate = parsed.GetValue(_validate),
            Offload = Offload(parsed.GetValue(_offload)),
            Operations = operations,
        });
    }

    private static OffloadPolicy? Offload(string? text)
    {
        if (text is null)
            return null;
        string[] parts = text.Split(':', 2);
        try
        {
            return new OffloadPolicy(Device.Parse(parts[0]), parts.Length > 1 ? double.Parse(parts[1], CultureInfo.InvariantCulture) : null);
        }
        catch (FormatException problem)
        {
            throw new UsageException($"--offload: {problem.Message}");
        }
    }

    // Each session has pages of its own.
    private static int Capacity(int contextLength, int sessions)
    {
        long tokens = (long)KvMemory.PageCount(contextLength) * KvMemory.PageLength * sessions;
        return tokens <= int.MaxValue ? (int)tokens : throw new UsageException($"{sessions} conversations of {contextLength} tokens are more than can be addressed");
    }

    private static (Option<bool> Option, string Operation) Switch(string operation) =>
        (new Option<bool>($"--no-{operation}") { Description = $"Compute {operation} by its composed form" }, operation);
}
