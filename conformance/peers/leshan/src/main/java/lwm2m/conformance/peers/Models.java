package lwm2m.conformance.peers;

import java.util.ArrayList;
import java.util.List;

import org.eclipse.leshan.core.model.ObjectLoader;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.core.model.ResourceModel;
import org.eclipse.leshan.core.model.ResourceModel.Operations;
import org.eclipse.leshan.core.model.ResourceModel.Type;

/** The objects both programs know: those that come with Leshan, and a temperature sensor. */
final class Models {
    static final int TEMPERATURE = 3303;

    private Models() {
    }

    static List<ObjectModel> all() {
        List<ObjectModel> models = new ArrayList<>(ObjectLoader.loadDefault());
        models.add(new ObjectModel(TEMPERATURE, "Temperature", "", "1.1", true, false,
                resource(5700, "Sensor Value", Operations.R, true, Type.FLOAT),
                resource(5601, "Min Measured Value", Operations.R, false, Type.FLOAT),
                resource(5602, "Max Measured Value", Operations.R, false, Type.FLOAT),
                resource(5701, "Sensor Units", Operations.R, false, Type.STRING),
                resource(5605, "Reset Min and Max Measured Values", Operations.E, false, Type.NONE),
                resource(5750, "Application Type", Operations.RW, false, Type.STRING)));
        return models;
    }

    private static ResourceModel resource(int id, String name, Operations operations, boolean mandatory, Type type) {
        return new ResourceModel(id, name, operations, false, mandatory, type, "", "", "");
    }
}
