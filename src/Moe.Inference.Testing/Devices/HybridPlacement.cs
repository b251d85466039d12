using Moe.Inference.Placement;
using Moe.Inference.Tensors;

namespace Moe.Inference.Testing;

/// <summary>A placement over the host and other devices.</summary>
/// <param name="Name">What it is called in messages.</param>
/// <param name="Placement">The placement, key/value memory with its layers.</param>
/// <param name="SplitsExperts">Whether experts of one layer are on several devices, so that a sum has another order.</param>
internal sealed record HybridPlacement(string Name, DevicePlacement Placement, bool SplitsExperts = false)
{
    /// <summary>Places beside the host that placements name.</summary>
    public const int Places = 3;

    /// <summary>Three simulated devices.</summary>
    public static readonly IReadOnlyList<Device> Simulated = [.. Enumerable.Range(0, Places).Select(index => new Device(SimulatedDevice.DefaultKind, index))];

    private const string ExpertTensors = "blk.*.ffn_*_exps.weight";

    /// <summary>The placements that people use.</summary>
    /// <param name="layers">Layers of the model.</param>
    /// <param name="places">Three devices, of which some may be the same; null for simulated ones.</param>
    public static IReadOnlyList<HybridPlacement> Usual(int layers, IReadOnlyList<Device>? places = null)
    {
        places ??= Simulated;
        HybridPlacement spread = new($"attention on {places[2]}, layers spread", DevicePlacement.On(Device.Cpu).PutMatching(@"blk\.\d+\.attn", places[2]));
        for (int layer = 0; layer < layers; layer++)
            spread = spread with { Placement = spread.Placement.Put($"blk.{layer}.*", Place(places, layer)) };
        Device second = places.Distinct().ElementAt(1);
        return
        [
            new($"all on {places[0]}", DevicePlacement.On(places[0])),
            new("experts on the host", DevicePlacement.On(places[0]).Put(ExpertTensors, Device.Cpu)),
            spread with { Placement = spread.Placement.Put("output*", places[1]) },
            new("experts split", DevicePlacement.On(places[0]).WithSplit(new ExpertSplit(Enumerable.Range(0, layers), [(Device.Cpu, 1), (places[0], 2), (second, 1)])), SplitsExperts: true),
        ];
    }

    /// <summary>Draws a placement: tensors of each layer, and now and then single ones, anywhere.</summary>
    /// <param name="random">Where random numbers come from.</param>
    /// <param name="layers">Layers of the model.</param>
    /// <param name="places">Three devices, of which some may be the same; null for simulated ones.</param>
    public static HybridPlacement Draw(Random random, int layers, IReadOnlyList<Device>? places = null)
    {
        places ??= Simulated;
        DevicePlacement placement = DevicePlacement.On(Any(random, places));
        string[] groups = ["attn*", "ffn_*_exps.weight", "ffn_norm*", "ffn_gate_inp*", "ffn_gate*", "ffn_down*", "attn_q*", "*"];
        for (int layer = 0; layer < layers; layer++)
        {
            foreach (string group in groups)
            {
                if (random.Next(3) == 0)
                    placement = placement.Put($"blk.{layer}.{group}", Any(random, places));
            }
        }

        placement = placement.Put("output*", Any(random, places)).Put("token_embd*", Any(random, places));
        bool splits = random.Next(4) == 0;
        if (splits)
            placement = placement.WithSplit(DrawSplit(random, layers, places));
        return new HybridPlacement(splits ? "random with split experts" : "random", placement, splits);
    }

    /// <summary>Key/value memory with its layers, or on the host.</summary>
    public HybridPlacement WithKvOnHost(bool onHost) => this with { Placement = Placement.WithKvOnHost(onHost) };

    /// <inheritdoc/>
    public override string ToString() =>
        $"{Name}{(Placement.KvOnHost ? ", key/value memory on the host" : "")}: {string.Join("; ", Placement.Rules.Select(rule => rule.ToString()).Append($"*={Placement.Default}"))}";

    private static ExpertSplit DrawSplit(Random random, int layers, IReadOnlyList<Device> places)
    {
        List<int> chosen = [.. Enumerable.Range(0, layers).Where(_ => random.Next(2) == 0)];
        if (chosen.Count == 0)
            chosen.Add(random.Next(layers));
        Device[] devices = [Device.Cpu, .. places.Distinct()];
        random.Shuffle(devices);
        return new ExpertSplit(chosen, devices.Take(random.Next(1, devices.Length + 1)).Select(device => (device, 0.2 + random.NextDouble())));
    }

    private static Device Place(IReadOnlyList<Device> places, int number) => number % (Places + 1) == Places ? Device.Cpu : places[number % (Places + 1)];

    private static Device Any(Random random, IReadOnlyList<Device> places) => Place(places, random.Next(Places + 1));
}
