using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Placement;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;
using Moe.Inference.Testing;
using Moe.Inference.Tests.EndToEnd;

namespace Moe.Inference.Tests.Planning;

/// <summary>Plans with a mistake put in on purpose are refused, and the step is named. (Every plan that is made in any other test passed the checker.)</summary>
public sealed class PlanCheckerTests : IDisposable
{
    private readonly Model _model = TestModels.Load();

    public void Dispose() => _model.Dispose();

    [Fact]
    public void Each_wait_that_is_dropped_is_missed()
    {
        ExecutionPlan plan = PlanOn(DevicePlacement.On(Sim(0)).Put("blk.*.ffn_*_exps.weight", Device.Cpu));
        PlannedStep[] waiting = [.. plan.Steps.Where(step => step.Waits.Count > 0)];
        waiting.Should().HaveCountGreaterThan(_model.Shape.Layers);
        foreach (PlannedStep step in waiting)
        {
            PlanningException error = Refused(plan, step, step with { Waits = [] });
            (error.Operation, error.Tensor, error.Device).Should().Be((step.Node.Operation.Name, step.Node.Label, step.Device.ToString()));
            error.Message.Should().MatchRegex($"step {step.Node.Id} (reads|writes) .* without waiting for the transfer '.*→.*' \\(step {step.Waits[0]} on SIM0\\)");
        }
    }

    [Fact]
    public void A_wait_between_two_devices_that_is_dropped_is_missed()
    {
        // Layers alternate between two devices, so that hidden states cross by way of the host without the host looking at them.
        DevicePlacement placement = Enumerable.Range(0, _model.Shape.Layers).Aggregate(DevicePlacement.On(Sim(0)), (all, layer) => all.Put($"blk.{layer}.*", Sim(layer % 2)));
        ExecutionPlan plan = PlanOn(placement);
        PlannedStep[] waiting = [.. plan.Steps.Where(step => step.Waits.Any(wait => plan.Steps[wait].Device != step.Device && !step.Device.IsCpu))];
        waiting.Should().NotBeEmpty();
        foreach (PlannedStep step in waiting)
            Refused(plan, step, step with { Waits = [] }).Message.Should().Contain("without waiting for the transfer");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_wait_of_a_direct_copy_or_of_sent_experts_that_is_dropped_is_missed(bool sent)
    {
        DevicePlacement placement = sent
            ? DevicePlacement.On(Sim(0)).Put("blk.*.ffn_*_exps.weight", Device.Cpu)
            : Enumerable.Range(0, _model.Shape.Layers).Aggregate(DevicePlacement.On(Sim(0)), (all, layer) => all.Put($"blk.{layer}.*", Sim(layer % 2)));
        PlanRequest request = Request(_model.Graph, placement) with { Offload = sent ? Sim(0) : null, Peers = new PeerLinks([(Sim(0), Sim(1)), (Sim(1), Sim(0))]) };
        ExecutionPlan plan = Planner.Plan(request);
        foreach (PlannedStep step in plan.Steps)
        {
            foreach (int dropped in step.Waits)
                Refused(plan, step, step with { Waits = [.. step.Waits.Where(wait => wait != dropped)] }).Message.Should().Contain("without waiting for");
        }

        // A copy waits for the step that computes the value; experts are computed once they are sent.
        plan.Steps.Should().Contain(step => sent
            ? step.Kernel != null && step.Waits.Any(wait => plan.Steps[wait].IsStaging)
            : step.IsTransfer && step.Waits.Any(wait => plan.Steps[wait].Kernel != null && plan.Steps[wait].Device != step.Device));
    }

    [Fact]
    public void Waiting_for_what_comes_later_is_refused()
    {
        ExecutionPlan plan = PlanOn(DevicePlacement.On(Sim(0)));
        PlannedStep step = plan.Steps[3];
        Refused(plan, step, step with { Waits = [5] }).Message.Should().Contain("waits for step 5, which is no step of another queue before it");
    }

    [Fact]
    public void Two_values_in_one_place_are_refused()
    {
        ExecutionPlan plan = PlanOn(DevicePlacement.Cpu);
        // Both are needed at once by the step that reads both.
        foreach (PlannedStep step in plan.Steps.Where(step => step.Node.Inputs.Count > 1))
        {
            ArenaSlot[] values = [.. plan.Values];
            int[] bySize = [.. step.Node.Inputs.Select(input => input.Id).Distinct().OrderBy(id => values[id].Bytes)];
            values[bySize[0]] = values[bySize[0]] with { Offset = values[bySize[1]].Offset };
            FluentActions.Invoking(() => PlanChecker.Verify(new ExecutionPlan(plan.Request, plan.Graph, plan.Steps, values, plan.ArenaBytes)))
                .Should().Throw<PlanningException>().WithMessage("*step * has '*' where '*' is still needed*");
        }
    }

    [Fact]
    public void Scratch_memory_in_the_place_of_a_value_is_refused()
    {
        ExecutionPlan plan = PlanOn(DevicePlacement.Cpu);
        PlannedStep step = plan.Steps.First(step => step.Node.Operation is FusedMoeOp);
        PlannedStep wrong = step with { Scratch = step.Scratch with { Offset = plan.Values[step.Node.Inputs[0].Id].Offset } };
        Refused(plan, step, wrong).Message.Should().Contain($"has its scratch memory where '{step.Node.Inputs[0].Name}' is still needed");
    }

    [Fact]
    public void A_place_that_is_too_small_or_outside_is_refused()
    {
        ExecutionPlan plan = PlanOn(DevicePlacement.Cpu);
        GraphValue logits = plan.Graph.Logits;
        foreach (ArenaSlot wrong in (ArenaSlot[])[plan.Values[logits.Id] with { Bytes = 4 }, plan.Values[logits.Id] with { Offset = plan.ArenaBytes[Device.Cpu] - 64 }])
        {
            ArenaSlot[] values = [.. plan.Values];
            values[logits.Id] = wrong;
            FluentActions.Invoking(() => PlanChecker.Verify(new ExecutionPlan(plan.Request, plan.Graph, plan.Steps, values, plan.ArenaBytes)))
                .Should().Throw<PlanningException>().WithMessage($"*bytes for '{logits.Name}'*");
        }
    }

    [Fact]
    public void A_value_that_is_read_before_it_is_written_or_elsewhere_is_refused()
    {
        ExecutionPlan plan = PlanOn(DevicePlacement.On(Sim(0)).Put("output*", Sim(1)));
        // The step that writes the first operand is put off to the stage that reads it.
        PlannedStep reader = plan.Steps.First(step => step.Node.Operation is MultiAddOp);
        PlannedStep writer = plan.Steps.Single(step => step.Node.Outputs.Contains(reader.Node.Inputs[0]));
        Refused(plan, writer, writer with { Stage = reader.Stage }).Message.Should().MatchRegex($"reads '{Regex(writer.Node.Outputs[0].Name)}' in the stage that writes it|comes at place");
        Refused(plan, reader, reader with { Device = Sim(1) }).Message.Should().Contain($"uses '{reader.Node.Inputs[0].Name}' on SIM1, but its place is on SIM0");
    }

    [Fact]
    public void Experts_whose_rows_somebody_else_uses_too_are_not_split()
    {
        GraphBuilder builder = new() { Layer = 0 };
        GraphValue x = builder.Add("x", new EmbeddingOp(), [builder.Inputs.TokenIds], [new Weight("table", ElementType.F32, 64, 10)]);
        GraphValue logits = builder.Add("router", new MatMulOp(), [x], [new Weight("blk.0.ffn_gate_inp.weight", ElementType.F32, 64, 4)]);
        IReadOnlyList<GraphValue> chosen = builder.AddNode("route", new RouteOp(2, RouterGate.Softmax, true), [logits]).Outputs;
        Weight[] experts = [.. new[] { "gate", "up", "down" }.Select(name => new Weight($"blk.0.ffn_{name}_exps.weight", ElementType.F32, 64, 64, 4))];
        GraphValue rows = builder.Add("experts", new FusedMoeOp(2, ActivationKind.Silu), [x, chosen[0]], experts);
        GraphValue sum = builder.Add("sum", new MultiAddOp(2), [rows, chosen[1]]);
        // A second use of the rows that splitting would take away.
        builder.Add("spy", new AddOp(), [rows, rows]);
        ModelGraph graph = builder.Build(builder.Add("wanted", new SelectRowsOp(), [sum, builder.Inputs.OutputRows]));
        DevicePlacement split = DevicePlacement.Cpu.WithSplit(new ExpertSplit([0], [(Device.Cpu, 1), (Sim(0), 1)]));
        FluentActions.Invoking(() => Planner.Plan(Request(graph, split))).Should().Throw<PlanningException>()
            .WithMessage("cannot plan 'fused-moe' for 'experts' on CPU, SIM0: experts can be split over devices only where one multi-add sums them");
    }

    private static string Regex(string text) => System.Text.RegularExpressions.Regex.Escape(text);

    private static Device Sim(int index) => new(SimulatedDevice.DefaultKind, index);

    private static PlanRequest Request(ModelGraph graph, DevicePlacement placement)
    {
        OpRegistry registry = Context.CreateRegistry();
        new SimulatedDevice().RegisterKernels(registry);
        return new PlanRequest(graph, new RunSize(8, 2, 16, 128), registry, placement, new KernelOptions(1, false, ElementType.F16));
    }

    private static PlanningException Refused(ExecutionPlan plan, PlannedStep right, PlannedStep wrong)
    {
        PlannedStep[] steps = [.. plan.Steps.Select(step => step == right ? wrong : step)];
        return FluentActions.Invoking(() => PlanChecker.Verify(new ExecutionPlan(plan.Request, plan.Graph, steps, plan.Values, plan.ArenaBytes)))
            .Should().Throw<PlanningException>().Which;
    }

    private ExecutionPlan PlanOn(DevicePlacement placement) => Planner.Plan(Request(_model.Graph, placement));
}
