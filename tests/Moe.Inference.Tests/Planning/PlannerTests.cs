using Moe.Inference.Graph;
using Moe.Inference.Ops;
using Moe.Inference.Placement;
using Moe.Inference.Planning;
using Moe.Inference.Tensors;
using Moe.Inference.Tests.EndToEnd;

namespace Moe.Inference.Tests.Planning;

public class PlannerTests
{
    private static readonly RunSize Limits = new(Tokens: 8, Outputs: 2, Pages: 4, Context: 128);
    private static readonly KernelOptions Options = new(Threads: 2, Exact: true, ElementType.F32);

    [Fact]
    public void Every_value_has_a_place_that_no_value_alive_at_the_same_time_shares()
    {
        ExecutionPlan plan = Planner.Plan(Request(TinyGraph()));
        Dictionary<int, (int First, int Last)> lives = [];
        foreach (GraphValue input in plan.Graph.Inputs.All)
            lives[input.Id] = (-1, -1);
        foreach (PlannedStep step in plan.Steps)
        {
            foreach (GraphValue output in step.Node.Outputs)
                lives[output.Id] = (step.Stage, step.Stage);
            foreach (GraphValue input in step.Node.Inputs)
                lives[input.Id] = (lives[input.Id].First, step.Stage);
        }

        foreach ((int a, (int First, int Last) lifeA) in lives)
        {
            foreach ((int b, (int First, int Last) lifeB) in lives)
            {
                if (a >= b || lifeA.First > lifeB.Last || lifeB.First > lifeA.Last)
                    continue;
                (ArenaSlot slotA, ArenaSlot slotB) = (plan.Values[a], plan.Values[b]);
                (slotA.Offset + slotA.Bytes <= slotB.Offset || slotB.Offset + slotB.Bytes <= slotA.Offset).Should().BeTrue("values {0} and {1} live at once", a, b);
            }
        }
    }

    [Fact]
    public void Steps_of_one_stage_do_not_depend_on_each_other()
    {
        ExecutionPlan plan = Planner.Plan(Request(TinyGraph()));
        foreach (IGrouping<int, PlannedStep> stage in plan.Steps.GroupBy(step => step.Stage))
        {
            HashSet<int> written = [.. stage.SelectMany(step => step.Node.Outputs).Select(value => value.Id)];
            stage.SelectMany(step => step.Node.Inputs).Should().NotContain(value => written.Contains(value.Id));
        }

        plan.Steps.Select(step => step.Stage).Should().BeInAscendingOrder();
        plan.Steps.Single(step => step.Node.Label == "gate").Stage.Should().Be(plan.Steps.Single(step => step.Node.Label == "up").Stage);
    }

    [Fact]
    public void A_missing_kernel_without_composed_form_is_named()
    {
        OpRegistry registry = new();
        foreach (IKernel kernel in Context.CreateRegistry().Kernels.Where(kernel => kernel.Operation != AddOp.OpName))
            registry.Register(kernel);
        FluentActions.Invoking(() => Planner.Plan(Request(TinyGraph()) with { Registry = registry }))
            .Should().Throw<PlanningException>().Where(error => error.Operation == AddOp.OpName && error.Tensor == "sum" && error.Device == "CPU");
    }

    [Fact]
    public void A_missing_kernel_with_a_composed_form_is_composed()
    {
        OpRegistry registry = new();
        foreach (IKernel kernel in Context.CreateRegistry().Kernels.Where(kernel => kernel.Operation != GatedActivationOp.OpName))
            registry.Register(kernel);
        ExecutionPlan plan = Planner.Plan(Request(TinyGraph()) with { Registry = registry });
        plan.Steps.Select(step => step.Node.Operation.Name).Should().Contain([ActivationOp.OpName, MulOp.OpName]).And.NotContain(GatedActivationOp.OpName);
    }

    [Fact]
    public void A_tensor_type_that_no_kernel_takes_is_named()
    {
        GraphBuilder builder = new();
        GraphValue x = builder.Add("x", new EmbeddingOp(), [builder.Inputs.TokenIds], [new Weight("table", ElementType.IQ1_S, 256, 10)]);
        FluentActions.Invoking(() => Planner.Plan(Request(builder.Build(x)))).Should().Throw<PlanningException>().WithMessage("*embedding*'x'*'table' is IQ1_S*");
    }

    [Fact]
    public void A_graph_refuses_operands_that_do_not_fit_and_names_the_node()
    {
        GraphBuilder builder = new();
        GraphValue x = builder.Add("x", new EmbeddingOp(), [builder.Inputs.TokenIds], [new Weight("table", ElementType.F32, 64, 10)]);
        FluentActions.Invoking(() => builder.Add("y", new MatMulOp(), [x], [new Weight("w", ElementType.F32, 63, 10)]))
            .Should().Throw<ArgumentException>().WithMessage("y: matmul*row length*");
    }

    [Fact]
    public void After_the_last_layers_attention_only_wanted_rows_are_computed()
    {
        ModelGraph graph = ModelOutline.Read(TestModels.Shipped).Graph;
        int last = graph.Nodes.Max(node => node.Layer), attention = graph.Nodes.Last(node => node.Kv is not null).Id;
        foreach (GraphNode node in graph.Nodes.Where(node => node.Outputs.Count > 0 && node.Operation is not RopeTableOp))
        {
            bool isLate = node.Id > attention && !node.Label.StartsWith($"blk.{last}.attn", StringComparison.Ordinal);
            node.Outputs[0].Rows.Symbol.Should().Be(isLate ? RowSymbol.Outputs : RowSymbol.Tokens, node.Label);
        }

        graph.Nodes.Should().ContainSingle(node => node.Layer == last && node.Operation is FusedMoeOp && node.Outputs[0].Rows.Symbol == RowSymbol.Outputs);
    }

    private static PlanRequest Request(ModelGraph graph) => new(graph, Limits, Context.CreateRegistry(), DevicePlacement.Cpu, Options);

    private static ModelGraph TinyGraph()
    {
        GraphBuilder builder = new();
        GraphValue x = builder.Add("x", new EmbeddingOp(), [builder.Inputs.TokenIds], [new Weight("table", ElementType.F32, 64, 10)]);
        GraphValue gate = builder.Add("gate", new MatMulOp(), [x], [new Weight("gate", ElementType.F32, 64, 96)]);
        GraphValue up = builder.Add("up", new MatMulOp(), [x], [new Weight("up", ElementType.F32, 64, 96)]);
        GraphValue hidden = builder.Add("hidden", new GatedActivationOp(ActivationKind.Silu), [gate, up]);
        GraphValue down = builder.Add("down", new MatMulOp(), [hidden], [new Weight("down", ElementType.F32, 96, 64)]);
        GraphValue sum = builder.Add("sum", new AddOp(), [x, down]);
        return builder.Build(builder.Add("wanted", new SelectRowsOp(), [sum, builder.Inputs.OutputRows]));
    }
}
