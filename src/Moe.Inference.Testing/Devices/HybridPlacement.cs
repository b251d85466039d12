using Moe.Inference.Placement;
using Moe.Inference.Tensors;

namespace Moe.Inference.Testing;

/// <summary>A placement over the host and simulated devices.</summary>
/// <param name="Name">What it is called in messages.</param>
/// <param name="Placement">The placement, key/value memory with its layers.</param>
/// <param name="SplitsExperts">Whether experts of one layer are on several devices, so that a sum has another order.</param>
internal sealed record HybridPlacement(string Name, DevicePlacement Placement, bool SplitsExperts = false)
{
    /// <summary>Simulated devices that placements may name.</summary>
    public const int Devices = 3;

    private const string ExpertTensors = "blk.*.ffn_*_exps.weight";

    /// <summary>The placements that people use.</summary>
    /// <param name="layers">Layers of the model.</param>
    public static IReadOnlyList<HybridPlacement> Usual(int layers)
    {
        HybridPlacement seed = new("attention on SIM2, layers spread", DevicePlacement.On(Device.Cpu).PutMatching(@"blk\.\d+\.attn", Sim(2)));
        for (int layer = 0; layer < layers; layer++)
            seed = seed with { Placement = seed.Placement.Put($"blk.{layer}.*", Place(layer)) };
        return
        [
            new("all on SIM0", DevicePlacement.On(Sim(0))),
            new("experts on the host", DevicePlacement.On(Sim(0)).Put(ExpertTensors, Device.Cpu)),
            seed with { Placement = seed.Placement.Put("output*", Sim(1)) },
            new("experts split", DevicePlacement.On(Sim(0)).WithSplit(new ExpertSplit(Enumerable.Range(0, layers), [(Device.Cpu, 1), (Sim(0), 2), (Sim(1), 1)])), SplitsExperts: true),
        ];
    }

    /// <summary>Draws a placement: tensors of each layer, and now and then single ones, anywhere.</summary>
    public static HybridPlacement Draw(Random random, int layers)
    {
        DevicePlacement placement = DevicePlacement.On(Any(random));
        string[] groups = ["attn*", "ffn_*_exps.weight", "ffn_norm*", "ffn_gate_inp*", "ffn_gate*", "ffn_down*", "attn_q*", "*"];
        for (int layer = 0; layer < layers; layer++)
        {
            foreach (string group in groups)
            {
                if (random.Next(3) == 0)
                    placement = placement.Put($"blk.{layer}.{group}", Any(random));
            }
        }

        placement = placement.Put("output*", Any(random)).Put("token_embd*", Any(random));
        bool splits = random.Next(4) == 0;
        if (splits)
            placement = placement.WithSplit(DrawSplit(random, layers));
        return new HybridPlacement(splits ? "random with split experts" : "random", placement, splits);
    }

    /// <summary>Key/value memory with its layers, or on the host.</summary>
    public HybridPlacement WithKvOnHost(bool onHost) => this with { Placement = Placement.WithKvOnHost(onHost) };

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Name}{(Placement.KvOnHost ? ", key/value memory on the host" : "")}: {string.Join("; ", Placement.Rules.Select(rule => rule.ToString()).Append($"*={Placement.Default}"))}";

    private static ExpertSplit DrawSplit(Random random, int layers)
    {
        List<int> chosen = [.. Enumerable.Range(0, layers).Where(_ => random.Next(2) == 0)];
        if (chosen.Count == 0)
            chosen.Add(random.Next(layers));
        Device[] devices = [Device.Cpu, .. Enumerable.Range(0, Devices).Select(Sim)];
        random.Shuffle(devices);
        return new ExpertSplit(chosen, devices.Take(random.Next(1, devices.Length + 1)).Select(device => (device, 0.2 + random.NextDouble())));
    }

    private static Device Place(int layer) => layer % (Devices + 1) == Devices ? Device.Cpu : Sim(layer % (Devices + 1));

    private static Device Any(Random random) => Place(random.Next(Devices + 1));

    private static Device Sim(int index) => new(SimulatedDevice.DefaultKind, index);
}
