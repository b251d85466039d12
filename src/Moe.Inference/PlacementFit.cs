using Moe.Inference.Graph;
using Moe.Inference.Kv;
using Moe.Inference.Placement;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;

namespace Moe.Inference;

/// <summary>Fills devices with what is most useful there, as <see cref="PlacementPlanner"/> describes, counting weights and key/value memory.</summary>
internal sealed class PlacementFit
{
    private readonly DevicePlacement _start;
    private readonly bool _splitExperts;
    private readonly LayerPart[] _layers;
    private readonly long _output;
    private readonly string[] _outputNames;
    private readonly Dictionary<Device, long> _decided = [];
    private HashSet<Device> _movable = [];

    /// <summary>Sorts tensors into what can be placed and what is decided.</summary>
    public PlacementFit(ModelOutline model, DevicePlacement start, ContextSizes sizes, bool splitExperts)
    {
        _start = start;
        _splitExperts = splitExperts;
        _layers = [.. Enumerable.Range(0, model.Shape.Layers).Select(_ => new LayerPart())];
        HashSet<string> output = [.. OutputNames(model)];
        foreach ((Weight part, Device device) in WeightPlacement.Parts(model.Weights, start))
        {
            if (IsDecided(part.Name) || IsSplit(part))
                Decide(part, device);
            else if (WeightPlacement.LayerOf(part.Name) is { } layer)
                _layers[layer].Add(part);
            else if (output.Contains(part.Name))
                _output += part.ByteLength;
        }

        _outputNames = [.. output];
        foreach (KvLayer kv in model.Graph.Nodes.Select(node => node.Kv).OfType<KvLayer>().Distinct())
        {
            long bytes = KvMemory.BytesOf(kv, sizes.Request.Options.KvType, sizes.Capacity);
            if (start.KvOnHost || IsDecided($"blk.{kv.Index}.attn_k.weight"))
                AddDecided(start.KvDeviceOf(kv.Index), bytes);
            else
                _layers[kv.Index].Base += bytes;
        }
    }

    /// <summary>Whether the last placement put anything on a device that could as well be elsewhere.</summary>
    public bool IsMovable(Device device) => _movable.Contains(device);

    /// <summary>The placement for given budgets: on as few devices as hold all, or else on all.</summary>
    /// <param name="budgets">Devices in the order of their layers, each with the bytes to fill; a negative number is nothing.</param>
    public DevicePlacement Within((Device Device, long Bytes)[] budgets)
    {
        for (int count = 1; count < budgets.Length; count++)
        {
            if (Fill(budgets[..count], out DevicePlacement placement))
                return placement;
        }

        Fill(budgets, out DevicePlacement best);
        return best;
    }

    private bool Fill((Device Device, long Bytes)[] budgets, out DevicePlacement placement)
    {
        Bin[] bins = [.. budgets.Select(budget => new Bin(budget.Device, budget.Bytes - _decided.GetValueOrDefault(budget.Device)))];
        FillLayers(bins);
        bool withOutput = bins.Length > 0 && _output > 0 && bins[^1].Room >= _output;
        if (withOutput)
            bins[^1].Room -= _output;
        foreach (Bin bin in bins)
            FillExperts(bin);
        _movable = [.. bins.Where((bin, i) => bin.Layers.Count > 0 || (withOutput && i == bins.Length - 1)).Select(bin => bin.Device)];
        placement = bins.Where(bin => bin.Partial is not null)
            .Aggregate(_start.WithLayers(Rules(bins, withOutput)), (result, bin) => result.WithSplit(bin.Partial!));
        return (withOutput || _output == 0)
            && bins.Sum(bin => bin.Layers.Count) == _layers.Length
            && bins.All(bin => bin.OnHost.Count == 0 && bin.Partial is null);
    }

    // Backwards, so that layers that find no room are the first ones. Each device takes layers until it has its share of all their bytes, experts
    // included, so that experts find about as much room on one device as on another.
    private void FillLayers(Bin[] bins)
    {
        double[] rooms = [.. bins.Select((bin, i) => Math.Max(0.0, i == bins.Length - 1 && bin.Room >= _output ? bin.Room - _output : bin.Room))];
        double allRoom = rooms.Sum(), allBytes = _layers.Sum(layer => (double)layer.Base + layer.Experts);
        double share = 0, taken = 0;
        int next = _layers.Length - 1;
        for (int i = bins.Length - 1; i >= 0 && allRoom > 0; i--)
        {
            share += rooms[i] / allRoom;
            while (next >= 0 && bins[i].Room >= _layers[next].Base)
            {
                double bytes = (double)_layers[next].Base + _layers[next].Experts;
                // A layer belongs where its middle falls; the first device takes what is left.
                if (i > 0 && taken + (bytes / 2) > share * allBytes)
                    break;
                taken += bytes;
                bins[i].Room -= _layers[next].Base;
                bins[i].Layers.Add(next--);
            }
        }
    }

    private void FillExperts(Bin bin)
    {
        foreach (int layer in bin.Layers)
        {
            LayerPart part = _layers[layer];
            if (part.Experts <= bin.Room)
            {
                bin.Room -= part.Experts;
                continue;
            }

            int count = part.ExpertCount == 0 || part.ExpertsDecided ? 0 : (int)(Math.Max(0, bin.Room) / (part.Experts / part.ExpertCount));
            bool partial = _splitExperts && bin.Partial is null && count > 0;
            if (partial)
                bin.Partial = new ExpertSplit([layer], [(bin.Device, count), (Device.Cpu, part.ExpertCount - count)]);
            else
                bin.OnHost.Add(layer);
            // What is left over is for this layer alone: a smaller one further on must not jump the queue.
            bin.Room = 0;
        }
    }

    private IEnumerable<PlacementRule> Rules(Bin[] bins, bool withOutput)
    {
        int[] onHost = [.. bins.SelectMany(bin => bin.OnHost).Order()];
        if (onHost.Length > 0)
            yield return PlacementRule.Experts(onHost, Device.Cpu);
        foreach (Bin bin in bins.Where(bin => bin.Layers.Count > 0))
            yield return PlacementRule.Layers(bin.Layers.Order(), bin.Device);
        if (withOutput)
        {
            foreach (string name in _outputNames)
                yield return PlacementRule.Glob(name, bins[^1].Device);
        }
    }

    // What comes behind the last layer. A model whose output matrix is its token embedding has that where the output is.
    private static IEnumerable<string> OutputNames(ModelOutline model) =>
        model.Graph.Nodes.Reverse().TakeWhile(node => node.Layer < 0).SelectMany(node => node.Weights).Select(weight => weight.Name);

    private bool IsDecided(string tensor) => _start.RuleOf(tensor) is { } rule && _start.Overrides.Contains(rule);

    private bool IsSplit(Weight part) => WeightPlacement.LayerOf(part.Name) is { } layer && part.Name.Contains("_exps", StringComparison.Ordinal) && _start.SplitOf(layer) is not null;

    private void Decide(Weight part, Device device)
    {
        AddDecided(device, part.ByteLength);
        if (part.Slices > 1 && WeightPlacement.LayerOf(part.Name) is { } layer)
            _layers[layer].ExpertsDecided = true;
    }

    private void AddDecided(Device device, long bytes) => _decided[device] = _decided.GetValueOrDefault(device) + bytes;

    private sealed class LayerPart
    {
        public long Base { get; set; }

        public long Experts { get; private set; }

        public int ExpertCount { get; private set; }

        /// <summary>Whether some of its experts are placed already, so that they cannot be split any more.</summary>
        public bool ExpertsDecided { get; set; }

        public void Add(Weight weight)
        {
            if (weight.Slices == 1)
            {
                Base += weight.ByteLength;
                return;
            }

            Experts += weight.ByteLength;
            ExpertCount = weight.Slices;
        }
    }

    private sealed class Bin(Device device, long room)
    {
        public Device Device => device;

        public long Room { get; set; } = room;

        /// <summary>Its layers, last first.</summary>
        public List<int> Layers { get; } = [];

        /// <summary>Those whose experts found no room.</summary>
        public List<int> OnHost { get; } = [];

        public ExpertSplit? Partial { get; set; }
    }
}
