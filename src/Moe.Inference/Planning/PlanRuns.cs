using Moe.Inference.Graph;
using Moe.Inference.Tensors;

namespace Moe.Inference.Planning;

/// <summary>A plan in large pieces: per layer and device one box, layers that look alike together, and what is transferred between boxes.</summary>
internal sealed class PlanRuns
{
    // The number of the box that the inputs of a run come from.
    private const int Inputs = 0;

    private readonly List<Box> _boxes = [];
    private readonly Dictionary<int, Box> _boxOfStep = [];

    /// <summary>Cuts a plan.</summary>
    public PlanRuns(ExecutionPlan plan)
    {
        List<Block> blocks = Cut(plan);
        Block? previous = null;
        foreach (Block block in blocks)
        {
            if (previous is null || previous.Signature != block.Signature)
            {
                foreach (Run run in block.Runs)
                    _boxes.Add(run.Box = new Box(_boxes.Count + 1, run.Device));
            }
            else
            {
                for (int i = 0; i < block.Runs.Count; i++)
                    block.Runs[i].Box = previous.Runs[i].Box;
            }

            foreach (Run run in block.Runs)
            {
                run.Box!.Add(block.Layer, run.Steps);
                foreach (PlannedStep step in run.Steps)
                    _boxOfStep.Add(step.Node.Id, run.Box);
            }

            previous = block;
        }

        Connect(plan);
    }

    /// <summary>The boxes in the order of the plan.</summary>
    public IReadOnlyList<Box> Boxes => _boxes;

    /// <summary>The values transferred from one box to another, by the boxes' numbers; by way of the host, they are drawn once.</summary>
    public OrderedDictionary<(int From, int To), List<GraphValue>> Arrows { get; } = [];

    private static List<Block> Cut(ExecutionPlan plan)
    {
        List<Block> blocks = [];
        foreach (PlannedStep step in plan.Steps.Where(step => !step.IsTransfer))
        {
            if (blocks.Count == 0 || blocks[^1].Layer != step.Node.Layer)
                blocks.Add(new Block(step.Node.Layer));
            List<Run> runs = blocks[^1].Runs;
            if (runs.Count == 0 || runs[^1].Device != step.Device)
                runs.Add(new Run(step.Device));
            runs[^1].Steps.Add(step);
        }

        return blocks;
    }

    private void Connect(ExecutionPlan plan)
    {
        Dictionary<GraphValue, PlannedStep> writers = [];
        foreach (PlannedStep step in plan.Steps)
        {
            foreach (GraphValue output in step.Node.Outputs)
                writers.Add(output, step);
        }

        Box? inputs = null;
        HashSet<GraphValue> drawn = [];
        foreach (PlannedStep step in plan.Steps.Where(step => !step.IsTransfer))
        {
            foreach (GraphValue input in step.Node.Inputs.Where(input => writers.TryGetValue(input, out PlannedStep? writer) && writer.IsTransfer && drawn.Add(input)))
            {
                GraphValue source = input;
                while (writers.TryGetValue(source, out PlannedStep? writer) && writer.IsTransfer)
                    source = writer.Node.Inputs[0];
                Box from = writers.TryGetValue(source, out PlannedStep? origin) ? _boxOfStep[origin.Node.Id] : inputs ??= Box.ForInputs();
                (int, int) key = (from.Id, _boxOfStep[step.Node.Id].Id);
                if (!Arrows.TryGetValue(key, out List<GraphValue>? values))
                    Arrows.Add(key, values = []);
                values.Add(source);
            }
        }

        if (inputs is not null)
            _boxes.Insert(0, inputs);
    }

    /// <summary>Steps of one device, of one layer or of the same place in several layers.</summary>
    internal sealed class Box(int id, Device device)
    {
        private readonly SortedSet<int> _layers = [];
        private string _first = "";

        public int Id => id;

        public Device Device => device;

        public int Steps { get; private set; }

        /// <summary>Such as <c>layers 3-17</c>, or, outside layers, the labels of the first and last step.</summary>
        public string Title => _layers.Count switch
        {
            0 => _first,
            1 => $"layer {_layers.Min}",
            _ => $"layers {_layers.Min}-{_layers.Max}",
        };

        public static Box ForInputs() => new(Inputs, Device.Cpu) { _first = "inputs" };

        public void Add(int layer, IReadOnlyList<PlannedStep> steps)
        {
            if (layer >= 0)
                _layers.Add(layer);
            else
                _first = steps.Count == 1 ? steps[0].Node.Label : $"{steps[0].Node.Label} to {steps[^1].Node.Label}";
            Steps += steps.Count;
        }
    }

    private sealed class Run(Device device)
    {
        public Device Device => device;

        public List<PlannedStep> Steps { get; } = [];

        public Box? Box { get; set; }
    }

    private sealed class Block(int layer)
    {
        public int Layer => layer;

        public List<Run> Runs { get; } = [];

        public string Signature => $"{layer < 0}:{string.Join('|', Runs.Select(run => $"{run.Device} {string.Join(' ', run.Steps.Select(step => step.Node.Operation.Name))}"))}";
    }
}
